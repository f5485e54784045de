"""Something that many need is asked for by one."""

import asyncio

import pytest
from tests.unit.conduit_bridge.login.conftest import Timer

from conduit_bridge.login.remembered import RETRY_SECONDS, Remembered
from conduit_kernel.errors import ServiceUnavailable


class Source:
    """Counts how often it is asked, and is away for as long as a test says."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False
        self.go = asyncio.Event()
        self.go.set()

    async def ask(self) -> int:
        """Return how often it was asked."""
        self.asked += 1
        await self.go.wait()
        if self.is_away:
            raise ServiceUnavailable("it is away", service="oidc")
        return self.asked


async def test_it_is_asked_for_once_by_all_who_need_it(timer: Timer) -> None:
    """Also by those who come while it is."""
    source = Source()
    known = Remembered(source.ask, timer)
    source.go.clear()
    waiting = [asyncio.create_task(known.get(60.0)) for _ in range(5)]
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert await known.get(60.0) == 1


async def test_it_is_asked_for_again_once_it_is_old(timer: Timer) -> None:
    """How old it may be, says who needs it."""
    known = Remembered(Source().ask, timer)
    await known.get(60.0)
    timer.now += 30.0
    assert await known.get(60.0) == 1
    assert await known.get(30.0) == 2


async def test_whoever_comes_soon_after_a_failure_is_told_of_that(timer: Timer) -> None:
    """Those who come at once wait for one question, and not one behind the other."""
    source = Source()
    source.is_away = True
    known = Remembered(source.ask, timer)
    failed = await asyncio.gather(*(known.get(60.0) for _ in range(5)), return_exceptions=True)
    assert {str(each) for each in failed} == {"it is away"}
    assert source.asked == 1
    source.is_away = False
    with pytest.raises(ServiceUnavailable):
        await known.get(60.0)
    timer.now += RETRY_SECONDS
    assert await known.get(60.0) == 2


async def test_one_who_leaves_leaves_the_question_to_the_next(timer: Timer) -> None:
    """Nobody waits for an answer that was given up."""
    source = Source()
    source.go.clear()
    known = Remembered(source.ask, timer)
    leaving, staying = (asyncio.create_task(known.get(60.0)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    source.go.set()
    assert await staying == 2
