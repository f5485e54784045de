"""Answers of providers' own tools: citations, and what must be sent back as it came."""

import contextlib
from typing import Any

import orjson
import pytest
from tests.support.wire_cases import case_named

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.gemini import grounding as gemini_grounding
from conduit_providers.operations.chat import chat_request
from conduit_providers.wire import HttpResponse

CATALOG = load_catalog()
Json = dict[str, Any]
QUESTION: Json = {"role": "user", "content": "When was Claude Shannon born?"}
MORE: Json = {"role": "user", "content": "And where?"}


def result(case: str) -> Json:
    """Return what a caller gets."""
    return case_named(case).result


def received(case: str) -> Json:
    """Return what the provider answers."""
    return dict(orjson.loads(case_named(case).received.body))


def streamed(case: str) -> Json:
    """Put a stream together as OpenAI's SDK does: lists grow, texts are joined."""
    message: Json = {"content": "", "annotations": [], "reasoning_details": []}
    for event in result(case)["events"]:
        for choice in event["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            for name in ("annotations", "reasoning_details"):
                message[name] += delta.get(name) or []
    return message


def sent_turns(*messages: Json) -> list[Json]:
    """Return a conversation as Anthropic gets it."""
    endpoint = CATALOG.find("Anthropic").endpoints["chat"]
    target = CATALOG.target(Provider(name="P", provider_type="Anthropic"))
    raw = orjson.dumps({"model": "alias", "messages": messages})
    call = Call(chat_request(json=raw), alias="alias", model="claude-opus-4-7")
    body = orjson.loads(codec_named(endpoint.codec).to_upstream(call, endpoint, target).body)
    turns: list[Json] = body["messages"]
    return turns


@pytest.mark.parametrize(
    ("whole", "stream"),
    [
        ("Anthropic/chat/citations", "Anthropic/chat/stream_citations"),
        ("Anthropic/chat/web_search", "Anthropic/chat/stream_web_search"),
        ("Gemini/chat/google_search", "Gemini/chat/stream_google_search"),
        ("Bedrock/chat/citations", "Bedrock/chat/stream_citations"),
    ],
)
def test_streams_cite_what_whole_answers_cite(whole: str, stream: str) -> None:
    """Both forms have the same citations, in the same places of the same words."""
    message = result(whole)["answer"]["choices"][0]["message"]
    found = streamed(stream)
    assert found["content"] == message["content"]
    # Only in a stream are they numbered, for accumulators.
    numbered = [{**each, "index": i} for i, each in enumerate(message["annotations"])]
    assert found["annotations"] == numbered


@pytest.mark.parametrize("is_streamed", [False, True])
def test_own_tools_go_back_as_they_came(*, is_streamed: bool) -> None:
    """The next turn has the very blocks of the answer, in order, citations included."""
    if is_streamed:
        said = {"role": "assistant", **streamed("Anthropic/chat/stream_web_search")}
    else:
        said = result("Anthropic/chat/web_search")["answer"]["choices"][0]["message"]
    turns = sent_turns(QUESTION, said, MORE)
    assert turns[1]["content"] == received("Anthropic/chat/web_search")["content"]


def test_thoughts_and_calls_keep_their_places_among_own_tools() -> None:
    """Thoughts stand where they stood; calls, which are for the caller to answer, at the end."""
    search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "c2ln", "index": 0},
        {
            "type": "reasoning.encrypted",
            "data": orjson.dumps(search).decode(),
            "format": "anthropic-claude-block-v1",
            "index": 1,
        },
        {"type": "reasoning.text", "text": "Ah", "signature": "c2lo", "index": 2},
    ]
    function = {"name": "f", "arguments": "{}"}
    call = {"id": "c1", "type": "function", "function": function}
    said = {
        "role": "assistant",
        "content": None,
        "reasoning_details": details,
        "tool_calls": [call],
    }
    answered = {"role": "tool", "tool_call_id": "c1", "content": "1"}
    turns = sent_turns(QUESTION, said, answered)
    assert [block["type"] for block in turns[1]["content"]] == [
        "thinking",
        "server_tool_use",
        "thinking",
        "tool_use",
    ]


@pytest.mark.parametrize("data", ["", "{", "[]", '{"text":"x"}'])
def test_blocks_that_are_none_are_left_out(data: str) -> None:
    """A detail that somebody has broken does not reach the provider."""
    detail = {"type": "reasoning.encrypted", "data": data, "format": "anthropic-claude-block-v1"}
    said = {"role": "assistant", "content": "1916.", "reasoning_details": [detail]}
    assert sent_turns(QUESTION, said, MORE)[1]["content"] == "1916."


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"[]",
        b'{"groundingSupports":7}',
        b'{"groundingSupports":[{"groundingChunkIndices":[0,-1,9]}]}',
    ],
)
def test_grounding_that_makes_no_sense_cites_nothing(metadata: bytes) -> None:
    """Such an answer is an answer all the same."""
    assert gemini_grounding.annotations(metadata, {0: "x"}) == []


def test_grounding_is_counted_in_characters_across_parts() -> None:
    """Google counts the bytes of a part, OpenAI the characters of the whole text."""
    support = {"segment": {"partIndex": 2, "startIndex": 2, "endIndex": 5}}
    metadata = {
        "groundingChunks": [{"retrievedContext": {"uri": "gs://a/b", "title": "B"}}],
        "groundingSupports": [support | {"groundingChunkIndices": [0]}],
    }
    [found] = gemini_grounding.annotations(orjson.dumps(metadata), {0: "äöü", 2: "éab!"})
    assert found["url_citation"] == {
        "start_index": 4,
        "end_index": 7,
        "url": "gs://a/b",
        "title": "B",
    }


@pytest.mark.parametrize("odd", [b'{"a":1e}', b'{"a":12345678901234567890123}', b'"\\ud800"', b"7"])
@pytest.mark.parametrize("case", ["citations", "web_search", "code_execution"])
def test_odd_members_never_crash_an_answer(case: str, odd: bytes) -> None:
    """What is passed on as it came may be anything; it is read, or the answer is garbage."""
    raw = case_named(f"Anthropic/chat/{case}").received.body
    for mark in (b'"cited_text":', b'"server_tool_use":{', b'"container":{', b'"stdout":'):
        at = raw.find(mark)
        if at < 0:
            continue
        cut = at + raw[at:].index(b":") + 1
        changed = raw[:cut] + odd + b',"x":' + raw[cut:]
        call = Call(chat_request(json=b'{"model":"m","messages":[]}'), alias="m", model="m")
        endpoint = CATALOG.find("Anthropic").endpoints["chat"]
        codec = codec_named("anthropic_chat")
        response = HttpResponse(200, {}, changed)
        # Of the errors of ours, garbage alone.
        with contextlib.suppress(UpstreamError):
            answer = codec.from_upstream(response, call, endpoint)
            assert orjson.loads(answer.json)["object"] == "chat.completion"
