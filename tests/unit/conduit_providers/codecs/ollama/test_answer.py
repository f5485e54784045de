"""The pieces of Ollama's answers."""

from typing import Any

import orjson
import pytest

from conduit.v1.chat_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
)
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.ollama.answer import (
    FORMAT,
    Piece,
    PieceReader,
    finish_of,
    logprobs_json,
    read_piece,
)
from conduit_providers.quantities import Quantities, plain

Json = dict[str, Any]


def piece(message: Json | None = None, **members: object) -> Piece:
    """Read a piece."""
    raw = {"message": {"role": "assistant", **(message or {})}, **members}
    return read_piece(orjson.dumps(raw), "P")


def test_times_with_nanoseconds_and_without_sense() -> None:
    """Go's times have up to nine decimals; what is no time gives way to ours."""
    assert piece(created_at="2026-11-23T12:00:01.414671123Z").created(7) == 1795435201
    for text in ("soon", "", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00"):
        assert piece(created_at=text).created(7) == 7


def test_answers_are_told_apart_by_their_time() -> None:
    """The API has no ids."""
    assert piece(created_at="2026-11-23T12:00:01.4Z").mark() == "202611231200014"
    assert piece(created_at="soon").mark() == "0"


@pytest.mark.parametrize(
    ("members", "usage"),
    [
        ({"prompt_eval_count": 3, "eval_count": 2}, plain(3, 2)),
        ({"eval_count": 2}, plain(0, 2)),
        ({"prompt_eval_count": 0}, Quantities()),
        ({}, None),
    ],
)
def test_counts_that_are_zero_are_left_out(members: Json, usage: Quantities | None) -> None:
    """As when the whole prompt was cached."""
    assert piece(**members).quantities() == usage


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"7", b"{}", b'{"done":false}', b'{"message":7}', b'{"done":"yes"}',
            b'{"message":{"tool_calls":[{}]}}']
)  # fmt: skip
def test_what_is_no_answer_makes_no_sense(raw: bytes) -> None:
    """A line has a message, or says that it is the last one."""
    with pytest.raises(UpstreamError) as raised:
        read_piece(raw, "P")
    assert raised.value.metadata["kind"] == "malformed"
    assert read_piece(b'{"done":true}', "P").done


@pytest.mark.parametrize("error", ["No.", {"message": "No."}])
def test_a_failure_in_an_answer_is_a_failure(error: object) -> None:
    """In either form."""
    with pytest.raises(UpstreamError, match="P: No"):
        read_piece(orjson.dumps({"error": error}), "P")


def test_a_piece_adds_words_thoughts_and_calls() -> None:
    """Calls are numbered through the answer, and have ids of ours where they have none."""
    reader = PieceReader("7")
    assert reader.delta(piece()) is None
    assert reader.delta(read_piece(b'{"done":true}', "P")) is None
    first = reader.delta(piece({"content": "a", "thinking": "hm"}))
    assert first is not None
    assert (first.content, first.reasoning_content) == ("a", "hm")
    assert first.reasoning_details[0].format == FORMAT
    calls = [
        {"function": {"name": "f", "arguments": {"a": 1}}},
        {"id": "x", "function": {"name": "g", "arguments": None}},
        {"function": {"name": "h"}},
    ]
    second = reader.delta(piece({"tool_calls": calls}))
    assert second is not None
    assert [(c.index, c.id, c.function.name, c.function.arguments) for c in second.tool_calls] == [
        (0, "call_ollama_7_0", "f", '{"a":1}'),
        (1, "x", "g", "{}"),
        (2, "call_ollama_7_2", "h", "{}"),
    ]
    assert reader.calls == 3


@pytest.mark.parametrize(
    ("word", "has_calls", "reason", "native"),
    [
        ("stop", False, FINISH_REASON_STOP, None),
        ("stop", True, FINISH_REASON_TOOL_CALLS, None),
        (None, True, FINISH_REASON_TOOL_CALLS, None),
        ("length", True, FINISH_REASON_LENGTH, None),
        ("load", False, FINISH_REASON_STOP, "load"),
        ("of a later version", False, FINISH_REASON_STOP, "of a later version"),
    ],
)
def test_a_reason_is_told_and_kept_where_it_says_more(
    word: str | None, *, has_calls: bool, reason: int, native: str | None
) -> None:
    """Servers of old leave it out."""
    assert finish_of(word, has_calls=has_calls) == (reason, native)


def test_probabilities_are_openais() -> None:
    """Bytes are those of the token, unless they are told."""
    tops = [{"token": "b", "logprob": -1, "bytes": [1]}]
    found = piece(logprobs=[{"token": "é", "logprob": -0.5, "top_logprobs": tops}])
    (content,) = orjson.loads(logprobs_json(found.logprobs))["content"]
    assert content["bytes"] == [195, 169]
    assert content["top_logprobs"] == [{"token": "b", "logprob": -1.0, "bytes": [1]}]
    assert logprobs_json(None) == logprobs_json([]) == b""
