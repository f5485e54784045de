"""What a provider says in a session waits for what follows it, and no longer than it must."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.call_bench import Bench

from conduit.v1 import guardrail_pb2 as pb
from conduit_kernel.guardrail_errors import ContentBlocked
from conduit_providers.operations.converse import realtime_event
from conduit_providers.session_codec import SessionEvent
from conduit_router.guardrails.policy import guards_of
from conduit_router.guardrails.sessions import HELD_SECONDS, SessionGuard

BLOCK = pb.Guardrail(name="g", patterns=["red fox"], stage=pb.GUARDRAIL_STAGE_ANSWER)
SOUND = {"type": "response.output_audio.delta", "item_id": "i1", "delta": "AAAA"}
CREATED, DONE = {"type": "response.created"}, {"type": "response.done", "response": {}}


def delta(text: str, item: str = "i1") -> dict[str, object]:
    """Return a piece of a transcript."""
    kind = "response.output_audio_transcript.delta"
    return {"type": kind, "item_id": item, "output_index": 0, "delta": text}


class Heard:
    """A session with a guardrail, at a time of the test's own."""

    def __init__(self, folder: Path) -> None:
        """Begin it."""
        self.bench = Bench(folder)
        scope, clock = self.bench.admit(), lambda: self.bench.now
        self.guard = SessionGuard(scope, guards_of([BLOCK]), clock)

    async def hear(self, *events: object) -> list[object]:
        """Return what goes out when a provider says something."""
        said = [realtime_event(json.dumps(event).encode()) for event in events]
        return _read(await self.guard.heard(said))


def _read(events: Sequence[SessionEvent]) -> list[object]:
    return [json.loads(event.json) for event in events]


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    """Return a session."""
    return Heard(tmp_path)


async def test_a_text_waits_for_the_end_of_its_answer_and_sound_does_not(heard: Heard) -> None:
    """All else keeps its order."""
    text, other = delta("a red "), delta("hen")
    assert await heard.hear(CREATED, text, SOUND) == [CREATED, SOUND]
    assert await heard.hear(other) == []
    assert await heard.hear(DONE) == [text, other, DONE]


async def test_sound_goes_before_no_event_that_announces_it(heard: Heard) -> None:
    """Such as that of another item, which waits behind a text."""
    text, added = delta("a red "), {"type": "response.output_item.added", "item": {"id": "i2"}}
    sound = SOUND | {"item_id": "i2"}
    assert await heard.hear(CREATED, text, added, sound) == [CREATED]
    assert await heard.hear(DONE) == [text, added, sound, DONE]


async def test_a_long_text_goes_out_as_it_grows(heard: Heard) -> None:
    """A piece once so much followed it as could make it something else."""
    pieces = [delta("word " * 20) for _ in range(5)]
    assert await heard.hear(CREATED, *pieces) == [CREATED, *pieces[:2]]


async def test_nothing_waits_for_longer_than_a_second(heard: Heard) -> None:
    """Then it goes with the next event, and is remembered for what follows."""
    text = delta("a red ")
    assert await heard.hear(CREATED, text) == [CREATED]
    heard.bench.now += HELD_SECONDS
    assert await heard.hear(SOUND) == [SOUND]
    other = delta("hen and a red ")
    assert await heard.hear(other) == [text, other]
    with pytest.raises(ContentBlocked):
        await heard.hear(delta("fox"), DONE)


async def test_what_is_cut_is_found_and_two_answers_are_not_one(heard: Heard) -> None:
    """Wherever a provider cuts."""
    await heard.hear(CREATED, delta("a red "), DONE)
    assert await heard.hear(CREATED, delta("fox"), DONE)
    with pytest.raises(ContentBlocked):
        await heard.hear(CREATED, *map(delta, "a red fox"), DONE)


async def test_what_is_held_back_goes_out_at_the_end(heard: Heard) -> None:
    """Where the provider leaves within an answer, and nothing is wrong with it."""
    text = delta("a red ")
    await heard.hear(CREATED, text)
    assert _read(await heard.guard.rest()) == [text]
    await heard.hear(delta("a red fox"))
    with pytest.raises(ContentBlocked):
        await heard.guard.rest()
