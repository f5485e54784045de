"""The sweeper: many deadlines, one timer."""

import asyncio
from math import inf

from conduit_kernel.http.deadlines import Sweeper


class Item:
    """Something with a deadline, which notes when it passed."""

    def __init__(self, deadline: float, *, again: float = inf) -> None:
        self.deadline = deadline
        self.expired: list[float] = []
        self._again = again

    def expire(self, now: float) -> None:
        """Note it, and move on."""
        self.expired.append(now)
        self.deadline = self._again
        self._again = inf


class Clock:
    """A clock and the loop's timers on one dial, which the test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, object, asyncio.TimerHandle]] = []
        self._loop = asyncio.new_event_loop()

    def __call__(self) -> float:
        """Read it."""
        return self.now

    def call_later(self, delay: float, callback: object) -> asyncio.TimerHandle:
        """Note a timer."""
        handle = asyncio.TimerHandle(0.0, lambda: None, (), self._loop)
        self.timers.append((self.now + delay, callback, handle))
        return handle

    def turn(self, seconds: float) -> int:
        """Let time pass and what is due happen; how many timers came."""
        end = self.now + seconds
        came = 0
        while due := sorted(timer for timer in self.live() if timer[0] <= end):
            self.now, callback, handle = due[0]
            handle.cancel()
            came += 1
            callback()  # type: ignore[operator]  # the sweeper's
        self.now = end
        return came

    def live(self) -> list[tuple[float, object, asyncio.TimerHandle]]:
        """List the timers that are still set."""
        return [timer for timer in self.timers if not timer[2].cancelled()]

    def sweeper(self, grain: float) -> Sweeper:
        """Make a sweeper that lives by this clock."""
        return Sweeper(self, self, grain)  # type: ignore[arg-type]  # all it uses of a loop

    def close(self) -> None:
        """Release the loop that timer handles want."""
        self._loop.close()


def test_deadlines_are_met_within_the_grain() -> None:
    """None early, none later than a grain, whatever the order in which they were set."""
    clock = Clock()
    sweeper = clock.sweeper(0.5)
    items = [Item(when) for when in (3.0, 1.0, 2.0, 1.2)]
    for item in items:
        sweeper.watched.add(item)
        sweeper.arm(item.deadline)
    clock.turn(10)
    for item, when in zip(items, (3.0, 1.0, 2.0, 1.2), strict=True):
        assert len(item.expired) == 1
        assert when <= item.expired[0] <= when + 0.5
    assert not clock.live()
    clock.close()


def test_moving_a_deadline_later_costs_no_timer() -> None:
    """A connection that is used all the time sets one timer per period, not per use."""
    clock = Clock()
    sweeper = clock.sweeper(0.5)
    item = Item(10.0)
    sweeper.watched.add(item)
    sweeper.arm(item.deadline)
    came = 0
    for _ in range(1_000):
        came += clock.turn(0.1)
        item.deadline = clock.now + 10.0
        sweeper.arm(item.deadline)
    assert came <= 11
    assert not item.expired
    clock.turn(20)
    assert len(item.expired) == 1
    clock.close()


def test_expired_item_may_set_its_next_deadline() -> None:
    """It comes in its turn."""
    clock = Clock()
    sweeper = clock.sweeper(0.1)
    item = Item(1.0, again=5.0)
    sweeper.watched.add(item)
    sweeper.arm(item.deadline)
    clock.turn(10)
    assert [round(when) for when in item.expired] == [1, 5]
    clock.close()


def test_nothing_comes_after_the_end() -> None:
    """Stopping forgets what was watched; forgotten items do not expire."""
    clock = Clock()
    sweeper = clock.sweeper(0.1)
    item, other = Item(1.0), Item(1.0)
    sweeper.watched |= {item, other}
    sweeper.arm(1.0)
    sweeper.watched.discard(other)
    clock.turn(1)
    assert (len(item.expired), len(other.expired)) == (1, 0)
    item.deadline = 5.0
    sweeper.arm(5.0)
    sweeper.stop()
    clock.turn(10)
    assert len(item.expired) == 1
    clock.close()
