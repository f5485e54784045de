"""Requests that come at once are answered together."""

import asyncio
from collections.abc import Sequence

from conduit_billing.gathering import Gatherer
from conduit_kernel.errors import BudgetExceeded, ConduitError, ServiceUnavailable

# Longer than any test: what waits for it waits for ever.
LONG_SECONDS = 3_600.0


class Answerer:
    """Answers numbers with their doubles, all that come at once together."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.errors: list[Exception] = []
        self.is_asked = asyncio.Event()

    async def answer(self, numbers: Sequence[int]) -> list[int | ConduitError]:
        """Refuse what is below zero; a number over a hundred cannot be answered."""
        self.asked.append([*numbers])
        self.is_asked.set()
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        if any(number > 100 for number in numbers):
            raise OverflowError(max(numbers))
        return [
            BudgetExceeded(f"{number} is too little") if number < 0 else 2 * number
            for number in numbers
        ]

    def gatherer(self, enough: int = 50, seconds: float = 0.0) -> Gatherer[int, int]:
        """Return what gathers so much."""
        return Gatherer(self.answer, enough=enough, gather_seconds=seconds)


async def asked_at_once(gatherer: Gatherer[int, int], *numbers: int) -> list[object]:
    """Return what each is answered, errors among them."""
    return [*await asyncio.gather(*map(gatherer.ask, numbers), return_exceptions=True)]


async def test_what_comes_at_once_is_answered_together() -> None:
    """And what comes meanwhile by the question after it."""
    answerer = Answerer()
    gatherer = answerer.gatherer()
    first = asyncio.gather(*map(gatherer.ask, range(40)))
    await answerer.is_asked.wait()
    assert await asked_at_once(gatherer, 41, 42) == [82, 84]
    assert await first == [2 * number for number in range(40)]
    assert answerer.asked == [[*range(40)], [41, 42]]


async def test_no_question_has_more_than_is_enough() -> None:
    """By the weight of each."""
    answerer = Answerer()
    await asked_at_once(answerer.gatherer(enough=10), *range(35))
    assert [*map(len, answerer.asked)] == [10, 10, 10, 5]
    answerer.asked.clear()
    heavy = Gatherer(answerer.answer, enough=10, weight=lambda number: number)
    await asked_at_once(heavy, 9, 9, 1, 1, 1)
    assert answerer.asked == [[9, 9], [1, 1, 1]]


async def test_one_that_is_refused_keeps_nobody_else_out() -> None:
    """Each has its own answer."""
    found = await asked_at_once(Answerer().gatherer(), 1, -1, 3, -2)
    assert (found[0], found[2]) == (2, 6)
    assert [str(each) for each in (found[1], found[3])] == ["-1 is too little", "-2 is too little"]


async def test_one_that_cannot_be_answered_fails_alone() -> None:
    """Each of those with which it came is tried by itself."""
    answerer = Answerer()
    found = await asked_at_once(answerer.gatherer(), 1, 101, 3)
    assert (found[0], found[2]) == (2, 6)
    assert isinstance(found[1], OverflowError)
    assert answerer.asked == [[1, 101, 3], [1], [101], [3]]


async def test_an_absence_is_asked_once_for_all() -> None:
    """All are told, each by an error of its own."""
    answerer = Answerer()
    answerer.errors = [ServiceUnavailable("away", service="billing")]
    found = await asked_at_once(answerer.gatherer(), 1, 2, 3)
    assert [type(each) for each in found] == [ServiceUnavailable] * 3
    assert len({id(each) for each in found}) == 3
    assert answerer.asked == [[1, 2, 3]]


async def test_whoever_leaves_takes_nothing_from_the_others() -> None:
    """At any moment of it, also who came first: nothing is asked for them twice."""
    for patience in range(12):
        answerer = Answerer()
        gatherer = answerer.gatherer()
        first = asyncio.ensure_future(gatherer.ask(1))
        others = [asyncio.ensure_future(gatherer.ask(number)) for number in (2, 3)]
        for _ in range(patience):
            await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.gather(*others) == [4, 6]
        await asyncio.wait([first])
        assert sorted(number for asked in answerer.asked for number in asked) in ([1, 2, 3], [2, 3])


async def test_a_question_follows_another_after_a_while_or_when_enough_waits() -> None:
    """What comes when there was none lately is answered at once."""
    answerer = Answerer()
    gatherer = answerer.gatherer(enough=3, seconds=LONG_SECONDS)
    assert await gatherer.ask(1) == 2
    waiting = [asyncio.ensure_future(gatherer.ask(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    assert answerer.asked == [[1]]
    assert await gatherer.ask(4) == 8
    assert await asyncio.gather(*waiting) == [4, 6]
    assert answerer.asked == [[1], [2, 3, 4]]
    soon = answerer.gatherer(seconds=0.001)
    assert [await soon.ask(number) for number in (1, 2)] == [2, 4]
