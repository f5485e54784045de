"""The gate: a wait without a future, seen by tasks as if it were one."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import pytest
import uvloop

from conduit_kernel.http.wake_slot import WakeSlot

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
whose: ContextVar[str] = ContextVar("whose", default="nobody's")


class Bench:
    """A gate, a task that waits at it, and what the task saw."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.slot = WakeSlot(loop)
        self.seen: list[object] = []
        self.task = loop.create_task(self._wait())

    async def _wait(self) -> None:
        whose.set("the waiter's")
        try:
            while True:
                await self.slot
                self.seen.append(whose.get())
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            raise

    async def settle(self) -> None:
        """Let the task reach its wait, and what was put off happen."""
        for _ in range(3):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Cancel the task and see it go."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        assert self.task.cancelled()


def run(scenario: Callable[[], object], loop: str) -> None:
    """Run a scenario on a loop."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scenario())  # type: ignore[arg-type]  # all of them are coroutine functions


@pytest.mark.parametrize("loop", LOOPS)
def test_waking_from_a_callback_steps_the_waiter_at_once(loop: str) -> None:
    """In its own context, as often as it waits; without a waiter nothing happens."""

    async def scenario() -> None:
        bench = Bench()
        await bench.settle()
        seen: list[int] = []

        def callback() -> None:
            for _ in range(3):
                bench.slot.wake()
                seen.append(len(bench.seen))

        asyncio.get_running_loop().call_soon(callback)
        await bench.settle()
        assert seen == [1, 2, 3]
        assert bench.seen == ["the waiter's"] * 3
        assert whose.get() == "nobody's"
        await bench.end()
        bench.slot.wake()
        assert bench.seen[3:] == ["cancelled"]

    run(scenario, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_waking_from_a_task_steps_the_waiter_soon(loop: str) -> None:
    """A task cannot be stepped inside another."""

    async def scenario() -> None:
        bench = Bench()
        await bench.settle()
        bench.slot.wake()
        assert bench.seen == []
        await bench.settle()
        assert bench.seen == ["the waiter's"]
        await bench.end()

    run(scenario, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_cancellation_reaches_the_waiter_once(loop: str) -> None:
    """Also when it meets a wake-up on its way, and within a timeout."""

    async def scenario() -> None:
        bench = Bench()
        await bench.settle()
        bench.slot.wake()
        bench.task.cancel()
        await bench.settle()
        assert bench.task.cancelled()
        assert bench.seen == ["cancelled"]
        slot = WakeSlot(asyncio.get_running_loop())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await slot
        assert slot.waiter is None

    run(scenario, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_two_cannot_wait_at_one_gate(loop: str) -> None:
    """The second is told; the first goes on waiting."""

    async def scenario() -> None:
        bench = Bench()
        await bench.settle()
        with pytest.raises(RuntimeError, match="another task"):
            await bench.slot
        bench.slot.wake()
        await bench.settle()
        assert bench.seen == ["the waiter's"]
        await bench.end()

    run(scenario, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_the_waiter_raises_stays_in_its_task(loop: str) -> None:
    """The callback that woke it does not see it, not even a RuntimeError."""

    async def scenario() -> None:
        running = asyncio.get_running_loop()
        slot = WakeSlot(running)
        steps: list[int] = []

        async def fail() -> None:
            await slot
            steps.append(1)
            raise RuntimeError("mine")

        task = running.create_task(fail())
        await asyncio.sleep(0)
        running.call_soon(slot.wake)
        with pytest.raises(RuntimeError, match="mine"):
            await task
        assert steps == [1]

    run(scenario, loop)
