"""Requests and answers that pass to Anthropic, and from it, as they are."""

from typing import Any

import orjson
import pytest
from tests.support.message_replays import ASKED, accumulated, events_in, message_call
from tests.support.replays import Replay, data_in, replays

from conduit_kernel.errors import ConduitError, InvalidRequest, StreamInterrupted
from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.message import CODEC
from conduit_providers.inbound.sealed_thoughts import sealed
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]
CASES = {each.name: each for each in replays() if each.place == "Anthropic/chat" and each.is_own}
PLAIN = CASES["Anthropic/chat/plain"]
STREAM = CASES["Anthropic/chat/stream"]


def sent(
    asked: Json | bytes, replay: Replay = PLAIN, **of_call: object
) -> tuple[HttpRequest, Call[Any]]:
    """Return what goes out for a request."""
    call = message_call(replay, ASKED)
    raw = asked if isinstance(asked, bytes) else orjson.dumps({"model": "my-alias", **asked})
    call.request.json_at_hand = raw
    for name, value in of_call.items():
        setattr(call, name, value)
    return CODEC.to_upstream(call, replay.endpoint, replay.target), call


def test_bytes_pass_but_for_the_models_name() -> None:
    """White space, order and escapes stay."""
    raw = b'{ "model" : "my-alias",  "max_tokens":1e2, "new": "\\u00e9", "messages" : [{}]}'
    request, _ = sent(raw)
    assert request.body == raw.replace(b'"model" : "my-alias"', b'"model":"claude-opus-5"')


@pytest.mark.parametrize(
    "raw",
    [
        b'{"tools":[{"input_schema":{"model":1.50}}],"model":"my-alias"}',
        b'{"model":"my-alias","model":"my-alias","tools":[{"input_schema":{"model":1.50}}]}',
        b'{"model":"my-alias","tools":[{"input_schema":{"\\u006dodel":1.50,"model":1.50}}]}',
    ],
)
def test_a_name_that_is_not_alone_is_found_all_the_same(raw: bytes) -> None:
    """Tools have members of that name; what members hold stays as it was written."""
    request, _ = sent(raw)
    assert b'"model":1.50' in request.body
    assert orjson.loads(request.body)["model"] == "claude-opus-5"
    assert request.body.count(b"my-alias") == 0


@pytest.mark.parametrize(
    ("member", "replay", "expected"),
    [
        (b"", PLAIN, None),
        (b',"stream":false', PLAIN, False),
        (b',"stream":true', PLAIN, None),
        (b',"stream":true', STREAM, True),
        (b"", STREAM, True),
        (b',"stream":true,"stream":false', STREAM, True),
    ],
)
def test_streaming_is_as_the_call_has_it(
    member: bytes,
    replay: Replay,
    expected: bool | None,  # noqa: FBT001 # a case
) -> None:
    """Whatever the body says of it."""
    request, _ = sent(b'{"model":"my-alias"%b}' % member, replay)
    assert orjson.loads(request.body).get("stream") is expected


def test_betas_and_version_are_the_callers() -> None:
    """In their order, behind those of the operator."""
    request, _ = sent(ASKED, betas=("b-2", "b-1"), version="2023-06-01")
    headers = dict(request.headers)
    assert headers["anthropic-beta"] == "b-2,b-1"
    assert headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("members", "version"), [({}, "2026-10-21"), ({"temperature": 0.5}, "2023-06-01")]
)
def test_a_version_is_named_for_who_names_none(members: Json, version: str) -> None:
    """One that knows what is sent."""
    request, _ = sent({**ASKED, **members})
    assert dict(request.headers)["anthropic-version"] == version


@pytest.mark.parametrize("version", ["a b", "2023\r\nx: y", "é", "9" * 33])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    """It goes into a header."""
    with pytest.raises(InvalidRequest):
        sent(ASKED, version=version)


@pytest.mark.parametrize("beta", ["a b", "b\r\nx: y", ""])
def test_a_beta_that_is_none_is_refused(beta: str) -> None:
    """So do they."""
    with pytest.raises(InvalidRequest):
        sent(ASKED, betas=(beta,))


def test_others_thoughts_are_left_out_and_told() -> None:
    """Anthropic refuses what it has not signed; its own stays, and so does all else."""
    own = {"type": "thinking", "thinking": "t", "signature": "EqQB"}
    text = {"type": "text", "text": "conduit. is a mark"}
    content = [
        {"type": "thinking", "thinking": "g", "signature": sealed({"details": [1]})},
        {"type": "thinking", "thinking": "d", "signature": ""},
        {"type": "thinking", "thinking": "n", "signature": None},
        {"type": "redacted_thinking", "data": sealed({"calls": {}})},
        {"type": "redacted_thinking", "data": sealed({"calls": {"a": {}}})},
        own,
        text,
    ]
    turns = [
        *ASKED["messages"],
        {"role": "assistant", "content": content},
        {"role": "assistant", "content": content[:2]},
    ]
    request, call = sent({**ASKED, "messages": turns})
    assert orjson.loads(request.body)["messages"][1:] == [
        {"role": "assistant", "content": [own, text]}
    ]
    assert call.dropped == ["messages.content.thinking"]


def called(*ids: str) -> list[Json]:
    """Return turns with calls, and their results."""
    uses = [{"type": "tool_use", "id": each, "name": "f", "input": {}} for each in ids]
    results = [{"type": "tool_result", "tool_use_id": each} for each in ids]
    return [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]


@pytest.mark.parametrize(
    ("turns", "ids"),
    [
        (
            called("functions.Bash:0", "functions.Bash.0"),
            ["functions_Bash_0", "functions_Bash_0_2"],
        ),
        ([*called("call_0"), *called("call_0")], ["call_0", "call_0_2"]),
        (called(""), ["call"]),
        (called("toolu_01-A", "é"), ["toolu_01-A", "_"]),
    ],
)
def test_others_calls_are_fitted(turns: list[Json], ids: list[str]) -> None:
    """Anthropic refuses ids of another form, and one that was there before.

    Of a conversation that Kimi began, or a server that counts from 0 in each answer:
    maximhq/bifrost#5097.
    """
    request, call = sent({**ASKED, "messages": [*ASKED["messages"], *turns]})
    blocks = [
        each for turn in orjson.loads(request.body)["messages"][1:] for each in turn["content"]
    ]
    assert [each["id"] for each in blocks if "id" in each] == ids
    assert [each["tool_use_id"] for each in blocks if "tool_use_id" in each] == ids
    assert call.dropped == []


def test_anthropics_own_calls_pass_by_bytes() -> None:
    """Whatever is written in the results."""
    turns = called("toolu_01A", "toolu_01B")
    turns[1]["content"][0]["content"] = '{"tool_use_id": "a.b"}'
    raw = orjson.dumps(
        {"model": "my-alias", **ASKED, "messages": turns}, option=orjson.OPT_INDENT_2
    )
    request, _ = sent(raw)
    assert request.body == raw.replace(b'"model": "my-alias"', b'"model":"claude-opus-5"')


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'"conduit."', b'["conduit."]', b'{"a":"conduit."', b"{"]
)
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    """As the caller's fault."""
    with pytest.raises(InvalidRequest):
        sent(raw)


@pytest.mark.parametrize(
    "name", [name for name, each in CASES.items() if "error" not in each.expected]
)
def test_answers_pass_as_they_came(name: str) -> None:
    """Whole ones byte for byte; of streams each event; the counts are those of chats."""
    replay = CASES[name]
    call = message_call(replay, ASKED)
    if not call.stream:
        answer = CODEC.from_upstream(replay.response, call, replay.endpoint)
        assert answer.json == replay.response.body
        usage = answer.usage
    else:
        decoder = CODEC.decoder(call, replay.endpoint)
        events = [e for e in events_of(decoder, replay.response.body) if e["type"] != "ping"]
        body = replay.response.body.decode()
        lines = [line[5:] for line in body.splitlines() if line.startswith("data:")]
        given = [orjson.loads(line) for line in lines]
        assert events == [each for each in given if each["type"] != "ping"]
        usage = decoder.usage
    chat = replay.fresh_call()
    if chat.stream:
        of_chats = replay.decoder()
        of_chats.feed(replay.response.body)
        assert usage == of_chats.usage
    else:
        assert usage == replay.answer(chat).usage


def events_of(decoder: Any, body: bytes) -> list[Json]:  # noqa: ANN401 # a decoder
    """Return the events of a stream, as bytes that were cut anywhere."""
    found: list[Json] = []
    for start in range(0, len(body), 11):
        if not decoder.done and (pieces := decoder.feed(body[start : start + 11])):
            lines = pieces.sse.splitlines()
            found += [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]
    if not decoder.done:
        decoder.close()
    return found


def test_the_sdk_accumulates_what_passes() -> None:
    """A recorded stream, in order."""
    replay = CASES["Anthropic/chat/stream_tools"]
    call = message_call(replay, ASKED)
    message = accumulated(events_in(CODEC.decoder(call, replay.endpoint), replay.response.body))
    assert [block["type"] for block in message["content"]] == ["text", "tool_use", "tool_use"]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"type":"error","error":{"type":"overloaded_error"}}'],
)
def test_an_answer_that_is_none_is_the_providers_failure(body: bytes) -> None:
    """Another candidate may be asked."""
    with pytest.raises(ConduitError):
        CODEC.read(body, message_call(PLAIN, ASKED), PLAIN.endpoint)


@pytest.mark.parametrize("end", [b"event: message_stop", b"event: message_delta"])
def test_a_stream_that_breaks_off_is_no_answer(end: bytes) -> None:
    """One that has said why it stopped is whole, and gets its last event; nothing else is."""
    body, _, _ = STREAM.response.body.partition(end)
    decoder = CODEC.decoder(message_call(STREAM, ASKED), STREAM.endpoint)
    decoder.feed(body)
    if end == b"event: message_stop":
        last = decoder.close()
        assert last is not None
        assert data_in(last.sse) == [{"type": "message_stop"}]
        assert decoder.done
        return
    with pytest.raises(StreamInterrupted):
        decoder.close()


def test_a_mark_of_openais_in_place_of_the_last_event_is_that_event() -> None:
    """Servers that speak both dialects send it; Anthropic's clients wait for `message_stop`."""
    body, stop, _ = STREAM.response.body.partition(b"event: message_stop")
    decoder = CODEC.decoder(message_call(STREAM, ASKED), STREAM.endpoint)
    found = decoder.feed(body + b"data: [DONE]\n\n")
    assert stop
    assert found is not None
    assert data_in(found.sse)[-1] == {"type": "message_stop"}
    assert decoder.done


def test_an_error_in_a_stream_is_raised_behind_what_came() -> None:
    """With the class that its type means."""
    replay = CASES["Anthropic/chat/stream_error"]
    decoder = CODEC.decoder(message_call(replay, ASKED), replay.endpoint)
    assert decoder.feed(replay.response.body) is not None
    with pytest.raises(ConduitError):
        decoder.feed(b"")


def test_the_straight_way_is_for_who_names_nothing_unusual() -> None:
    """Then head and body are the request; others need a head of their own."""
    request, call = sent(ASKED)
    head = CODEC.head(call.model, PLAIN.endpoint, PLAIN.target)
    assert (head.path, head.headers) == (request.path, request.headers)
    assert CODEC.body(call, PLAIN.endpoint, PLAIN.target) == request.body
    for unusual in ({"betas": ("b",)}, {"version": "2023-06-01"}):
        _, other = sent(ASKED, **unusual)
        with pytest.raises(InvalidRequest):
            CODEC.body(other, PLAIN.endpoint, PLAIN.target)


def test_whole_answers_need_a_reason_to_stop() -> None:
    """As those of chats do."""
    response = HttpResponse(200, {}, b'{"type":"message","content":[],"stop_reason":null}')
    with pytest.raises(ConduitError):
        CODEC.from_upstream(response, message_call(PLAIN, ASKED), PLAIN.endpoint)
