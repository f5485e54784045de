"""Answers to what is much alike: found by vectors, kept as long as the cache has them."""

import pytest
from tests.support.call_bench import used

from conduit_router.caching import similar
from conduit_router.caching.answers import AnswerCache, CachedAnswer
from conduit_router.caching.similar import AskedText, SimilarAnswerIndex
from conduit_router.caching.vectors import vector_of
from conduit_router.caching.wording import wording_of


class Kept:
    """An index over a cache, at a time of the test's own."""

    def __init__(self, max_bytes: int = 1 << 20) -> None:
        """Take the room."""
        self.now = 0.0
        self.answers = AnswerCache(lambda: self.now, max_bytes)
        self.index = SimilarAnswerIndex(self.answers)

    async def keep(self, name: str, text: AskedText, *, seconds: float = 60.0) -> None:
        """Keep an answer to a text."""
        answer = CachedAnswer(self.now, self.now + seconds, 1, "key_1", name, used(), (), "", 100)
        self.answers.keep(name.encode(), answer)
        await self.index.keep(text, name.encode(), answer)

    async def find(self, text: AskedText, least: float = 0.9, max_age: float = 60.0) -> str | None:
        """Return the name of the answer that is found."""
        found = await self.index.find(text, least, max_age)
        return None if found is None else found.answer.model


def text(*numbers: float, words: str = "a", partition: bytes = b"p") -> AskedText:
    """Return a text with a vector."""
    vector = vector_of(numbers)
    assert vector is not None
    return AskedText(partition, vector, wording_of(words))


async def test_the_nearest_answers_if_it_is_near_enough() -> None:
    """Of two that are, the nearer one; its similarity is told."""
    kept = Kept()
    await kept.keep("far", text(1, 0.2))
    await kept.keep("near", text(1, 0.1))
    found = await kept.index.find(text(1, 0), 0.9, 60)
    assert found is not None
    assert found.answer.model == "near"
    assert found.similarity == pytest.approx(0.995, abs=0.001)
    assert await kept.find(text(1, 0), least=0.999) is None
    assert await kept.find(text(0, 1)) is None


async def test_nobody_is_answered_out_of_another_partition() -> None:
    """However near: another caller, system prompt or model has one of its own."""
    kept = Kept()
    await kept.keep("a", text(1, 0))
    assert await kept.find(text(1, 0, partition=b"q")) is None
    assert await kept.find(text(1, 0)) == "a"


async def test_words_tell_apart_what_vectors_do_not() -> None:
    """Then the next nearest is looked at."""
    kept = Kept()
    await kept.keep("off", text(1, 0, words="disable login"))
    assert await kept.find(text(1, 0, words="enable login")) is None
    await kept.keep("on", text(1, 0.1, words="enable login"))
    assert await kept.find(text(1, 0, words="please enable login")) == "on"


async def test_an_answer_ends_when_the_cache_says_so() -> None:
    """By its time, by what the caller allows, and by want of room; its vector goes with it."""
    kept = Kept()
    await kept.keep("a", text(1, 0), seconds=10)
    kept.now = 5.0
    assert await kept.find(text(1, 0), max_age=4.0) is None
    assert await kept.find(text(1, 0), max_age=5.0) == "a"
    kept.now = 10.0
    assert await kept.find(text(1, 0)) is None
    assert len(kept.index) == 0


async def test_what_the_cache_did_not_take_is_not_kept() -> None:
    """Such as an answer that is too large."""
    kept = Kept(max_bytes=0)
    await kept.keep("a", text(1, 0))
    assert len(kept.index) == 0


async def test_room_is_bounded_by_bytes_and_by_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first go first; one text takes one place."""
    monkeypatch.setattr(similar, "MOST_ALIKE", 2)
    kept = Kept()
    for name in ("a", "b", "b", "c"):
        await kept.keep(name, text(1, {"a": 0.0, "b": 0.5, "c": 0.9}[name]))
    assert len(kept.index) == 2
    assert await kept.find(text(1, 0), least=0.99) is None
    small = Kept(max_bytes=4 * 2000)
    for at in range(8):
        await small.keep(str(at), text(1, at, partition=bytes([at])))
    assert 0 < len(small.index) < 8
    assert await small.find(text(1, 7, partition=b"\7")) == "7"
    assert await small.find(text(1, 0, partition=b"\0")) is None
