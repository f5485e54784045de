"""A stream is held to guardrails wherever it is cut, and nothing goes out before it was judged."""

import json
import random
from collections.abc import Sequence
from typing import Any, cast

import pytest

from conduit.v1 import guardrail_pb2 as pb
from conduit_kernel.guardrail_errors import ContentBlocked
from conduit_providers.chat_events import ChatEvents
from conduit_providers.quantities import Quantities
from conduit_router.guardrails.judging import Judgement
from conduit_router.guardrails.policy import guards_of
from conduit_router.guardrails.streams import GuardedSource
from conduit_router.guardrails.window import WINDOW
from conduit_router.served_by import CallSummary, ServedBy

SECRET = "AKIA" + "IOSFODNN7EXAMPLE"
FILLER = "It was a dark and stormy night; the rain fell in torrents. "


def summary() -> CallSummary:
    """Return what was done for a call."""
    return CallSummary(ServedBy(1, "a", "b", "c"), "req_1", 1, 0, 0.0, None, [], "")


class Source:
    """An answer of these pieces; it knows how many were taken."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.summary = summary()
        self.taken = 0
        self._pieces = pieces

    async def next(self) -> ChatEvents | None:
        """Return the next one."""
        if self.taken == len(self._pieces):
            return None
        self.taken += 1
        return ChatEvents(sse=self._pieces[self.taken - 1])

    def finish(self) -> tuple[Quantities | None, CallSummary]:
        """End it."""
        return None, self.summary

    async def settle(self) -> None:
        """Leave nothing."""


def event(text: str, *, index: int = 0, member: str = "content") -> bytes:
    """Return an event with a part of a text."""
    choice = {"index": index, "delta": {member: text}}
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(said).encode()


def guarded(
    source: Source,
    action: pb.GuardrailAction.ValueType,
    **fields: Any,  # noqa: ANN401 # of a guardrail
) -> GuardedSource:
    """Hold an answer to a guardrail."""
    fields = fields or {"detectors": [pb.GUARDRAIL_DETECTOR_SECRET]}
    guards = guards_of([pb.Guardrail(name="g", action=action, **fields)])
    return GuardedSource(source, guards, Judgement("req_1"))


async def read(source: GuardedSource, out: list[str] | None = None) -> str:
    """Return all that goes out, by choice and member, in order of first appearance.

    `out` gets each part as it goes out.
    """
    said: dict[tuple[int, str], str] = {}
    while (piece := await source.next()) is not None:
        for document in cast("ChatEvents", piece).documents:
            for choice in document["choices"]:
                for name, text in choice["delta"].items():
                    at = choice["index"], name
                    said[at] = said.get(at, "") + text
                    if out is not None:
                        out.append(text)
    return "|".join(said.values())


def cut(text: str, seed: int) -> list[bytes]:
    """Cut a text into events at random."""
    draw, found, at = random.Random(seed), list[bytes](), 0  # noqa: S311 # no secret
    while at < len(text):
        size = draw.choice([1, 1, 2, 3, 7, 20])
        found.append(event(text[at : at + size]))
        at += size
    return found


@pytest.mark.parametrize("seed", range(20))
async def test_a_secret_is_redacted_wherever_it_is_cut(seed: int) -> None:
    """In the middle of a long answer, twice; all else is there."""
    text = f"{FILLER * 8}{SECRET}, {FILLER * 8}{SECRET}"
    source = guarded(Source(cut(text, seed)), pb.GUARDRAIL_ACTION_REDACT)
    assert await read(source) == text.replace(SECRET, "[SECRET]")
    assert source.finish()[1].guardrails == ("g;redacted",)


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_of_a_secret_goes_out_before_it_is_blocked(seed: int) -> None:
    """Not its first character."""
    source = guarded(Source(cut(f"{FILLER * 8}{SECRET} {FILLER}", seed)), pb.GUARDRAIL_ACTION_BLOCK)
    out = list[str]()
    with pytest.raises(ContentBlocked):
        await read(source, out)
    assert out
    assert (FILLER * 8).startswith("".join(out))


async def test_a_piece_goes_out_once_the_window_has_passed() -> None:
    """And not before; the last ones with the end."""
    source = Source([event("x")] * (WINDOW + 5))
    held = guarded(source, pb.GUARDRAIL_ACTION_BLOCK)
    assert await held.next() is not None
    assert source.taken == WINDOW + 1
    assert await read(held) == "x" * (WINDOW + 4)


async def test_pieces_pass_as_they_came_where_nothing_is_found() -> None:
    """The very same, byte by byte, also those without a text, and odd ones."""
    pieces = [event(FILLER), b": comment\n\n", b'data: {"usage":{"a":1}}\n\n', event("", index=1)]
    held, out = guarded(Source(pieces), pb.GUARDRAIL_ACTION_REDACT), list[bytes]()
    while (piece := await held.next()) is not None:
        out.append(piece.sse)
    assert out == pieces
    assert held.finish()[1].guardrails == ()


async def test_several_texts_at_once_are_judged_each_by_itself() -> None:
    """A secret in one choice is found though another one comes between all of its characters."""
    pieces = [
        event(each, index=index)
        for character in SECRET + " "
        for index, each in ((0, character), (1, "some other words "))
    ]
    held = guarded(Source(pieces), pb.GUARDRAIL_ACTION_REDACT)
    assert await read(held) == "[SECRET] |" + "some other words " * (len(SECRET) + 1)
    # What one says and the other goes on with is no secret.
    split = [event(SECRET[:10]), event(SECRET[10:], member="refusal")]
    assert (
        await read(guarded(Source(split), pb.GUARDRAIL_ACTION_BLOCK))
        == f"{SECRET[:10]}|{SECRET[10:]}"
    )


async def test_a_report_changes_nothing() -> None:
    """But it is told at the end."""
    held = guarded(Source(cut(SECRET, 1)), pb.GUARDRAIL_ACTION_REPORT)
    assert await read(held) == SECRET
    assert held.finish()[1].guardrails == ("g;reported",)


async def test_size_is_that_of_the_whole_answer() -> None:
    """It is blocked as soon as it is too long."""
    source = Source([event("x" * 10)] * 10)
    held = guarded(source, pb.GUARDRAIL_ACTION_BLOCK, max_characters=35)
    with pytest.raises(ContentBlocked):
        await read(held)
    assert source.taken == 4


async def test_an_event_that_is_no_json_is_a_text() -> None:
    """It is judged as one, and cannot be redacted."""
    for action in (pb.GUARDRAIL_ACTION_BLOCK, pb.GUARDRAIL_ACTION_REDACT):
        with pytest.raises(ContentBlocked):
            await read(guarded(Source([b"data: no json %b\n\n" % SECRET.encode()]), action))


async def test_an_empty_answer_is_one() -> None:
    """It ends at once."""
    assert await guarded(Source([]), pb.GUARDRAIL_ACTION_BLOCK).next() is None
