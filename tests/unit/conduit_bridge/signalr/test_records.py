"""The hub's records: however they are cut, and whatever a client sends for one."""

import json
from itertools import pairwise

import pytest

from conduit_bridge.signalr.records import (
    END,
    MAX_RECORD_CHARS,
    Invocation,
    RecordError,
    RecordReader,
    close,
    completion,
    handshake_answer,
    handshake_problem,
    invocation,
    invocation_of,
    ping,
)


def test_records_are_the_same_however_they_are_cut() -> None:
    """At every character, and in pieces of each size."""
    records = [{"type": 6}, {"a": "ü\U0001f600"}, {}]
    text = "".join(json.dumps(record, ensure_ascii=False) + END for record in records)
    for size in range(1, len(text) + 1):
        reader = RecordReader()
        cuts = [*range(0, len(text), size), len(text)]
        assert [r for a, b in pairwise(cuts) for r in reader.feed(text[a:b])] == records


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[]", "1", "null", '"a"', "[" * 5_000])
def test_what_is_no_record_is_told(text: str) -> None:
    """Without its words."""
    with pytest.raises(RecordError) as caught:
        RecordReader().feed(text + END)
    assert "nonsense" not in str(caught.value)


def test_records_are_bounded_whole_or_not() -> None:
    """One that never ends fills no memory."""
    fits = json.dumps({"a": "x" * (MAX_RECORD_CHARS - 9)})
    assert len(fits) == MAX_RECORD_CHARS
    reader = RecordReader()
    assert reader.feed(fits) == []
    assert len(reader.feed(END)) == 1
    for text in (fits + " ", fits + " " + END):
        with pytest.raises(RecordError, match=str(MAX_RECORD_CHARS)):
            RecordReader().feed(text)


@pytest.mark.parametrize("version", [0, 1])
def test_a_client_of_json_is_accepted(version: int) -> None:
    """Of the versions that clients say."""
    assert handshake_problem({"protocol": "json", "version": version}) == ""


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"protocol": "messagepack", "version": 1},
        {"protocol": ["json"], "version": 1},
        {"protocol": "json"},
        {"protocol": "json", "version": 2},
        {"protocol": "json", "version": "1"},
        {"protocol": "json", "version": []},
        {"protocol": "json", "version": {}},
    ],
)
def test_another_client_is_told_why_not(record: dict[str, object]) -> None:
    """Whatever it sends in the place of a protocol or a version."""
    assert handshake_problem(record).startswith("This hub speaks")


def test_calls_are_read() -> None:
    """With or without an id, and of streams."""
    called = {"type": 1, "target": "A", "arguments": [7]}
    assert invocation_of(called) == Invocation("A", [7])
    assert invocation_of(called | {"invocationId": "1"}) == Invocation("A", [7], "1")
    stream = {"type": 4, "target": "A", "invocationId": "1"}
    assert invocation_of(stream) == Invocation("A", [], "1", is_stream=True)


@pytest.mark.parametrize("kind", [None, 2, 3, 5, 6, 7, 99, "1", [], {}, [1], 1.5])
def test_other_records_call_nothing(kind: object) -> None:
    """Those that we do not know, too: newer clients may send them."""
    assert invocation_of({"type": kind, "target": "A", "arguments": []}) is None


@pytest.mark.parametrize(
    "record",
    [
        {"type": 1},
        {"type": 1, "target": 1, "arguments": []},
        {"type": 1, "target": "A", "arguments": None},
        {"type": 1, "target": "A", "arguments": {}},
        {"type": 1, "target": "A", "arguments": [], "invocationId": 1},
    ],
)
def test_calls_that_make_no_sense_are_told(record: dict[str, object]) -> None:
    """They are a fault of the client's."""
    with pytest.raises(RecordError):
        invocation_of(record)


def test_what_we_write_is_what_a_client_reads() -> None:
    """Each is one record."""
    written = [
        handshake_answer(),
        handshake_answer("why"),
        invocation("A", {"b": END}, 1),
        completion("1"),
        completion("1", "why"),
        ping(),
        close(),
        close("why", allow_reconnect=True),
    ]
    assert RecordReader().feed("".join(written)) == [
        {},
        {"error": "why"},
        {"type": 1, "target": "A", "arguments": [{"b": END}, 1]},
        {"type": 3, "invocationId": "1", "result": None},
        {"type": 3, "invocationId": "1", "error": "why"},
        {"type": 6},
        {"type": 7},
        {"type": 7, "error": "why", "allowReconnect": True},
    ]
