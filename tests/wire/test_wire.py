"""Every wire case, replayed: what we send, and what we make of what comes back.

docs/adding-a-provider.md says what is in a case. `pytest tests/wire --update-wire` writes the
expected side anew.
"""

import re
from itertools import pairwise
from typing import Any

import orjson
import pytest
from tests.support.operations import typed_json
from tests.support.replays import Replay, data_in, failure, replays, reviewed, streamed
from tests.support.wire_cases import FRAMES, SECRET, Json, WireCase, all_cases, case_named
from tests.wire.expected_side import ExpectedSide

from conduit.v1.chat_chunk_json import chat_completion_chunk_to_json
from conduit_kernel.errors import ConduitError, StreamInterrupted
from conduit_providers.typed_events import TypedEvents

REPLAYS = replays()
STREAMS = [replay for replay in REPLAYS if replay.expected.keys() & {"audio", "events"}]
WHOLE_STREAMS = [replay for replay in STREAMS if "error" not in replay.expected]
# Those that are events; a provider that sends none answers whole, or with bytes.
# Whether messages over a WebSocket are all is told by its end, not by them.
EVENTS = [each for each in WHOLE_STREAMS if each.case.is_of_events and not each.is_over_socket]
CHATS = [replay for replay in STREAMS if replay.operation == "chat"]
ANSWERS = [replay for replay in REPLAYS if "answer" in replay.expected]


def name_of(found: Replay | WireCase) -> str:
    """Return a name for the test report."""
    return found.name


@pytest.mark.parametrize("replay", REPLAYS, ids=name_of)
def test_case_is_sent_and_read_as_expected(replay: Replay, expected_side: ExpectedSide) -> None:
    """The request, its signature and the result are those that were reviewed."""
    call = replay.fresh_call()
    sent: bytes | None
    try:
        sent = replay.sent(call)
    except ConduitError as error:
        sent, result = None, failure(error)
    else:
        result = replay.result(call)
    expected_side.holds_sent(replay, sent)
    if call.dropped and replay.is_own:
        result["dropped"] = call.dropped
    expected_side.holds_result(replay, result)
    assert SECRET.encode() not in orjson.dumps(result)


@pytest.mark.parametrize("replay", [r for r in STREAMS if r not in WHOLE_STREAMS], ids=name_of)
def test_failing_stream_gives_what_came_before_the_failure(replay: Replay) -> None:
    """However the bytes are cut, the events before a failure arrive first, then the error."""
    body = replay.response.body
    for size in (1, 7, 64):
        decoder = replay.decoder()
        pieces: list[Any] = []
        with pytest.raises(ConduitError) as raised:  # noqa: PT012 # events come until it raises
            pieces.extend(decoder.feed(body[at : at + size]) for at in range(0, len(body), size))
            decoder.close()
        result, _ = reviewed({**streamed(pieces), **failure(raised.value)}, replay.provider_name)
        assert result == replay.expected


# Where an answer is from. What is composed is put together from what is named, not copied;
# tests/conformance/oracles/test_received_types.py reads it by the type.
SOURCES = re.compile(
    r"documentation: https://\S+( \(composed\))?"
    r"|SDK types: \S+ \S+ \S+( at \w+)? \(composed\)"
    r"|server source: https://\S+( \(composed\))?"
    # Someone shows what they got.
    r"|reported: https://\S+"
    # No page or type shows it: why we think so.
    r"|composed: .+"
    # No provider sends it.
    r"|made up: .+"
)
MEMBERS = {
    *("source", "about", "model", "settings", "base_url", "organization", "project", "is_strict"),
    *("betas", "fetched", "also", "codecs", "answers", "recorded"),
}


@pytest.mark.parametrize("case", all_cases(), ids=name_of)
def test_case_names_its_source(case: WireCase) -> None:
    """Each answer says where it is from, and whether it is copied, composed or made up."""
    assert SOURCES.fullmatch(case.source)
    assert case.front.get("about", "https://").startswith("https://")
    assert case.front.keys() <= MEMBERS
    # A misspelt one would count for nobody.
    assert set(case.places) <= {replay.place for replay in REPLAYS if replay.case is case}


@pytest.mark.parametrize("replay", WHOLE_STREAMS, ids=name_of)
def test_stream_is_the_same_wherever_it_is_cut(replay: Replay) -> None:
    """A decoder gives the same events and counts if cut at any byte, and byte by byte."""
    body = replay.response.body
    whole = replay.streamed_in([body])
    # Cuts so far from one another that none hides what another does.
    step = len(body) // 16 + 1
    assert all(replay.streamed_in(cut(body, i, step)) == whole for i in range(1, step + 1))
    assert replay.streamed_in(cut(body, 1, 1)) == whole
    if replay.case.received.media_type == FRAMES:
        return
    windows = body.replace(b"\n", b"\r\n")
    assert replay.streamed_in([windows]) == whole
    assert replay.streamed_in(cut(windows, 1, 1)) == whole


def cut(body: bytes, first: int, step: int) -> list[bytes]:
    """Return a body in pieces: one up to the first cut, then one at each step."""
    cuts = [0, *range(first, len(body), step), len(body)]
    return [body[begin:end] for begin, end in pairwise(cuts)]


@pytest.mark.parametrize("replay", EVENTS, ids=name_of)
def test_truncated_stream_raises(replay: Replay) -> None:
    """A stream that ends before its answer is complete never looks whole."""
    body = replay.response.body
    for end in truncations(body, first_finish(body)):
        with pytest.raises(StreamInterrupted):
            replay.streamed_in([body[:end]])


def truncations(body: bytes, finish: int) -> list[int]:
    """Return ends too early: each of a short stream, and of others those near a line's as well."""
    stride = 1 + finish // 1000
    breaks = {at + near for at in range(finish) if body[at] == LINE_END for near in (-1, 0, 1, 2)}
    return sorted(breaks.union(range(0, finish, stride)) & set(range(finish)))


LINE_END = ord("\n")
# Events that end an answer by their name.
ENDS = (b"event: done", b".completed", b".incomplete", b"transcript.text.done", b"audio.done")


def first_finish(body: bytes) -> int:
    """Return where the event or line begins that first says why the model stopped."""
    names = (b"finish_reason", b"finishReason", b"stop_reason", b"stopReason", b"done_reason")
    marks = [b'"%b":%b"' % (name, space) for name in names for space in (b"", b" ")]
    at = min(body.find(mark) for mark in (*marks, *ENDS) if mark in body)
    if b":event-type" in body:
        # A frame begins earlier, and is not whole here either.
        return at
    return max(body.rfind(b"data:", 0, at), body.rfind(b"\n", 0, at) + 1)


@pytest.mark.parametrize("replay", CHATS, ids=name_of)
def test_typed_chunks_say_what_the_bytes_say(replay: Replay) -> None:
    """Both forms of a stream have the same text, calls and reasons."""
    events = replay.decoder().feed(replay.response.body)
    assert events is not None
    typed = [orjson.loads(orjson.dumps(chat_completion_chunk_to_json(c))) for c in events.chunks]
    assert joined(typed) == joined(data_in(events.sse))


@pytest.mark.parametrize(
    "replay",
    [r for r in WHOLE_STREAMS if r not in CHATS and "events" in r.expected],
    ids=name_of,
)
def test_typed_events_say_what_the_bytes_say(replay: Replay) -> None:
    """Both forms of a stream of events have the same members."""
    decoder = replay.decoder()
    events = replay.inlined(decoder.feed(replay.response.body) or decoder.close())
    assert isinstance(events, TypedEvents)
    typed = [orjson.loads(orjson.dumps(events.write_piece(piece))) for piece in events.pieces]
    assert typed == data_in(events.sse)


@pytest.mark.parametrize("replay", ANSWERS, ids=name_of)
def test_typed_answer_says_what_the_bytes_say(replay: Replay) -> None:
    """Both forms of a whole answer have the same text, calls, reasons and vectors."""
    typed = typed_json(replay.operation, replay.answer(replay.fresh_call()))
    assert told_by(typed) == told_by(replay.expected["answer"])


def told_by(answer: Json) -> object:
    """Return what a whole answer says: a chat's choices, an embedding's vectors, all of others."""
    if "choices" in answer:
        return message_of(answer)
    return answer.get("data", answer)


def message_of(completion: Json) -> list[Json]:
    """Return what the choices of a whole answer say."""
    return [told(choice["message"], choice) for choice in completion["choices"]]


def told(message: Json, choice: Json) -> Json:
    """Return what a message or a joined stream says, by the contract's names."""
    return {
        "text": message.get("content") or "",
        "reasoning": message.get("reasoning_content") or message.get("reasoning") or "",
        "refusal": message.get("refusal") or "",
        "calls": [
            (call.get("id"), call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or []
        ],
        "finish": choice.get("finish_reason"),
    }


def joined(chunks: list[Json]) -> list[Json]:
    """Put the chunks of a stream together."""
    messages: dict[int, Json] = {}
    finishes: dict[int, str] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        message = messages.setdefault(choice["index"], {"tool_calls": []})
        add_delta(message, choice["delta"])
        if choice.get("finish_reason"):
            finishes[choice["index"]] = choice["finish_reason"]
    return [told(m, {"finish_reason": finishes.get(i)}) for i, m in sorted(messages.items())]


def add_delta(message: Json, delta: Json) -> None:
    """Add a piece to a message."""
    for name in ("content", "reasoning_content", "reasoning", "refusal"):
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    for piece in delta.get("tool_calls") or []:
        calls = message["tool_calls"]
        while len(calls) <= piece["index"]:
            calls.append({"id": "", "function": {"name": "", "arguments": ""}})
        call, function = calls[piece["index"]], piece.get("function") or {}
        call["id"] = piece.get("id") or call["id"]
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


@pytest.mark.parametrize(
    "replay", [r for r in CHATS if r.is_own and r.case.path.stem == "stream"], ids=name_of
)
def test_streamed_text_equals_whole_text(replay: Replay) -> None:
    """The case `stream` asks what the case `plain` asks, and gets the same words."""
    streamed = replay.expected["events"]
    whole = case_named(f"{replay.place}/plain").result["answer"]
    assert [m["text"] for m in joined(streamed)] == [m["text"] for m in message_of(whole)]
