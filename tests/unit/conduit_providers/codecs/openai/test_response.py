"""Requests of Responses that pass to OpenAI and Azure, and from there, as they are."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG
from tests.support.response_replays import events_in

from conduit_kernel.errors import (
    ConduitError,
    ContextTooLong,
    InsufficientFunds,
    StreamInterrupted,
    UnsupportedCapability,
    UpstreamError,
    UpstreamRateLimited,
)
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.response import CODEC
from conduit_providers.inbound.response_form import response_request
from conduit_providers.inbound.sealed_thoughts import sealed
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    REASONING,
    WEB_SEARCH,
)
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]
OPENAI = CATALOG.find("OpenAI").endpoints["chat"]
AZURE = CATALOG.find("AzureOpenAI").endpoints["chat"]
TARGET = Target("Provider", "OpenAI", "https://x")
USAGE: Json = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}
WHOLE: Json = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "error": None,
    "model": "gpt-6",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": USAGE,
}


def call_of(asked: Json | bytes, *, stream: bool = False) -> Call[Any]:
    """Return a call."""
    raw = asked if isinstance(asked, bytes) else orjson.dumps({"model": "my-alias", **asked})
    form = response_request(json=raw)
    return Call(form, alias="my-alias", model="gpt-6", stream=stream, provider="Provider")


def sent(asked: Json | bytes) -> tuple[HttpRequest, Call[Any]]:
    """Return what goes out for a request."""
    call = call_of(asked)
    return CODEC.to_upstream(call, OPENAI, TARGET), call


def test_bytes_pass_but_for_the_models_name() -> None:
    """White space, order, escapes, and members that nobody knows."""
    raw = b'{ "model" : "my-alias",  "input":"\\u00e9", "new": 1e2, "store":false}'
    request, _ = sent(raw)
    assert request.body == raw.replace(b'"model" : "my-alias"', b'"model":"gpt-6"')
    assert (request.method, request.path) == ("POST", "/responses")


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("v1", "/openai/v1/responses"),
        ("2025-04-01-preview", "/openai/responses?api-version=2025-04-01-preview"),
    ],
)
def test_azure_has_a_path_for_each_of_its_apis(version: str, path: str) -> None:
    """The model is a deployment's name, in the body."""
    target = Target("Azure", "AzureOpenAI", "https://x", {"apiVersion": version})
    assert CODEC.to_upstream(call_of({"input": "hi"}), AZURE, target).path == path


def test_thoughts_of_others_are_left_out() -> None:
    """OpenAI refuses what it has not sealed; its own stay, and all else."""
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    other = own | {"encrypted_content": sealed({"details": []})}
    said = {"role": "user", "content": "conduit. is a word"}
    request, call = sent({"input": [own, other, said]})
    assert orjson.loads(request.body)["input"] == [own, said]
    assert call.dropped == ["input.reasoning"]


def test_a_word_like_the_mark_changes_nothing() -> None:
    """Only thoughts have it."""
    asked = {"input": "conduit. is a word"}
    request, call = sent(asked)
    assert orjson.loads(request.body) == {"model": "gpt-6", **asked}
    assert call.dropped == []


def read(members: Json) -> dict[int, int]:
    """Return what an answer used."""
    body = orjson.dumps(WHOLE | members)
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call_of({"input": "hi"}), OPENAI)
    assert answer.json == body
    return dict(answer.usage.leaves) if answer.usage is not None else {}


def test_counts_are_taken_apart() -> None:
    """Cached, written to the cache, thought: each is charged as such."""
    assert read({}) == {
        INPUT: 30,
        CACHED_INPUT: 60,
        CACHE_WRITE: 10,
        OUTPUT: 15,
        REASONING: 5,
    }
    assert read({"usage": None}) == {}
    assert read({"usage": {"input_tokens": 0, "output_tokens": 0}}) == {}


SEARCH: Json = {"type": "web_search_call", "id": "ws_1", "status": "completed"}


@pytest.mark.parametrize(
    ("members", "searches"),
    [
        ({"output": [SEARCH, SEARCH | {"action": {"type": "search"}}]}, 2),
        ({"output": [SEARCH | {"action": {"type": "open_page"}}]}, 0),
        ({"output": [SEARCH], "tool_usage": {"web_search": {"num_requests": 3}}}, 3),
    ],
)
def test_searches_are_counted(members: Json, searches: int) -> None:
    """As the provider counts them, or else by the calls that are paid."""
    assert read(members).get(WEB_SEARCH, 0) == searches


def test_tiers_are_told() -> None:
    """They have prices of their own."""
    body = orjson.dumps(WHOLE | {"service_tier": "flex"})
    answer = CODEC.read(body, call_of({"input": "hi"}), OPENAI)
    assert answer.usage is not None
    assert answer.usage.qualifiers == (("service_tier", "flex"),)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow"}, UpstreamRateLimited),
        ({"code": "insufficient_quota", "message": "no money"}, InsufficientFunds),
        ({"code": "context_length_exceeded", "message": "long"}, ContextTooLong),
        ({"code": "server_error", "message": "oh"}, UpstreamError),
    ],
)
def test_responses_that_failed_are_failures(error: Json, kind: type[ConduitError]) -> None:
    """Whole and streamed; another candidate may have its turn."""
    failed = WHOLE | {"status": "failed", "error": error, "usage": None}
    with pytest.raises(kind):
        CODEC.read(orjson.dumps(failed), call_of({"input": "hi"}), OPENAI)
    decoder = CODEC.decoder(call_of({"input": "hi"}, stream=True), OPENAI)
    decoder.feed(sse({"type": "response.created", "response": WHOLE | {"status": "in_progress"}}))
    with pytest.raises(kind):
        decoder.feed(sse({"type": "response.failed", "response": failed}))
    decoder = CODEC.decoder(call_of({"input": "hi"}, stream=True), OPENAI)
    with pytest.raises(kind):
        decoder.feed(sse({"type": "error", **error, "param": None}))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"status":1}'])
def test_answers_that_are_none_are_failures(body: bytes) -> None:
    """Of the provider's."""
    with pytest.raises(UpstreamError):
        CODEC.read(body, call_of({"input": "hi"}), OPENAI)


def sse(*events: Json) -> bytes:
    """Return events as OpenAI sends them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (each["type"].encode(), orjson.dumps(each)) for each in events
    )


def answer(last: str = "completed") -> list[Json]:
    """Return the events of an answer."""
    item: Json = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress"}
    item |= {"content": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[Json] = [
        {"type": "response.created", "response": WHOLE | {"status": "in_progress", "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_text.delta", **place, "delta": "hi", "logprobs": []},
        {"type": f"response.{last}", "response": WHOLE | {"status": last}},
    ]
    return [{**each, "sequence_number": at} for at, each in enumerate(events)]


@pytest.mark.parametrize("cut", [0, 1, 7])
@pytest.mark.parametrize("last", ["completed", "incomplete"])
def test_events_pass_as_they_are(last: str, cut: int) -> None:
    """However they are cut, up to the one that ends the answer, with its counts."""
    decoder = CODEC.decoder(call_of({"input": "hi"}, stream=True), OPENAI)
    events = answer(last)
    assert events_in(decoder, sse(*events), cut) == events
    assert decoder.done
    assert decoder.usage is not None
    assert decoder.usage.input_tokens == 100


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_streams_without_an_end_are_interrupted(kept: int) -> None:
    """They never look whole."""
    decoder = CODEC.decoder(call_of({"input": "hi"}, stream=True), OPENAI)
    decoder.feed(sse(*answer()[:kept]))
    assert not decoder.done
    with pytest.raises(StreamInterrupted):
        decoder.close()


def test_what_was_used_until_a_failure_is_known() -> None:
    """It is charged."""
    decoder = CODEC.decoder(call_of({"input": "hi"}, stream=True), OPENAI)
    failed = WHOLE | {"status": "failed", "error": {"code": "server_error", "message": "oh"}}
    events = [*answer()[:3], {"type": "response.failed", "response": failed}]
    decoder.feed(sse(*events))
    with pytest.raises(UpstreamError):
        decoder.close()
    assert decoder.usage is not None
    assert decoder.usage.output_tokens == 20


OWN, OTHER = "0123456789ab", "ba9876543210"
MINE = Target("Provider", "OpenAI", "https://x", account=OWN)


def thought(account: str) -> Json:
    """Return a thought that an account sealed, as callers have it."""
    sealed = f"conduit@{account}.gAAA"
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed}


def test_what_the_account_sealed_goes_back_to_it_as_it_was() -> None:
    """And comes from it with its mark, whole and streamed."""
    call = call_of({"model": "alias", "input": [thought(OWN), {"role": "user", "content": "x"}]})
    sent = orjson.loads(CODEC.to_upstream(call, OPENAI, MINE).body)
    assert sent["input"][0] == {**thought(OWN), "encrypted_content": "gAAA"}
    assert call.dropped == []
    sealed = {**thought(OWN), "encrypted_content": "gBBB"}
    whole = orjson.dumps({**WHOLE, "output": [sealed]})
    answer = CODEC.from_upstream(HttpResponse(200, {}, whole), call, OPENAI)
    assert answer.typed.output[0].encrypted_content == f"conduit@{OWN}.gBBB"
    decoder = CODEC.decoder(call, OPENAI)
    event = {"type": "response.output_item.done", "sequence_number": 1, "item": sealed}
    events = decoder.feed(b"data: %b\n\n" % orjson.dumps(event))
    assert events is not None
    assert events.pieces[0].item.encrypted_content == f"conduit@{OWN}.gBBB"


def test_thoughts_of_another_account_are_left_out_and_told() -> None:
    """With the ids of what belongs to them; strict callers are refused."""
    said = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    asked = {"model": "alias", "input": [thought(OTHER), said]}
    call = call_of(asked)
    sent = orjson.loads(CODEC.to_upstream(call, OPENAI, MINE).body)
    assert sent["input"] == [{"type": "message", "role": "assistant", "content": []}]
    assert call.dropped == ["input.reasoning"]
    strict = call_of(asked)
    strict.is_strict = True
    with pytest.raises(ConduitError):
        CODEC.to_upstream(strict, OPENAI, MINE)


def test_a_compaction_of_another_account_is_not_sent() -> None:
    """Nor left out: another candidate is asked."""
    call = call_of({"model": "alias", "input": [{**thought(OTHER), "type": "compaction"}]})
    with pytest.raises(UnsupportedCapability):
        CODEC.to_upstream(call, OPENAI, MINE)
