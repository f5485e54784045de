"""Telling subscribers which instances changed."""

import asyncio

import pytest

from conduit_health.publish import subscribers as module
from conduit_health.publish.subscribers import Subscribers


async def test_what_changed_while_nobody_looked_is_told_once() -> None:
    """As a set: a slow subscriber has no queue that grows."""
    subscribers = Subscribers()
    with subscribers.watching() as watch:
        for _ in range(1000):
            subscribers.tell(iter([1, 2]))
        subscribers.tell([3])
        assert await watch.next() == {1, 2, 3}
        subscribers.tell([2])
        assert await watch.next() == {2}


async def test_each_has_a_view_of_its_own() -> None:
    """From when it began to watch."""
    subscribers = Subscribers()
    with subscribers.watching() as first:
        subscribers.tell([1])
        with subscribers.watching() as second:
            subscribers.tell([2])
            assert await second.next() == {2}
        assert await first.next() == {1, 2}


async def test_silence_is_broken_by_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """They name nobody, and what comes later is told."""
    monkeypatch.setattr(module, "SIGN_OF_LIFE_SECONDS", 0.01)
    subscribers = Subscribers()
    with subscribers.watching() as watch:
        assert await watch.next() == set()
        assert not watch.is_closed
        subscribers.tell([1])
        assert await watch.next() == {1}


async def test_a_close_ends_all_watches_those_to_come_as_well() -> None:
    """What changed before it is still told."""
    subscribers = Subscribers()
    with subscribers.watching() as watch:
        subscribers.tell([1])
        subscribers.close()
        async with asyncio.timeout(5):
            assert await watch.next() == {1}
        assert watch.is_closed
    with subscribers.watching() as late:
        async with asyncio.timeout(5):
            assert await late.next() == set()
        assert late.is_closed


async def test_who_has_left_is_told_nothing() -> None:
    """Also when it left by an error."""
    subscribers = Subscribers()
    with pytest.raises(LookupError), subscribers.watching() as watch:
        raise LookupError
    subscribers.tell([1])
    subscribers.close()
    assert not watch.is_closed
