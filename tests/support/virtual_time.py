"""An event loop whose time passes as soon as everybody waits for it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class _Selector(selectors.DefaultSelector):
    """Lets the time pass that its loop would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; only if nothing is, time passes."""
        ready = super().select(0)
        if ready or not timeout:
            return ready
        # A clock that stands still between two timers would have the loop spin.
        self.now += timeout + 1e-9
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sleeps and limits take no real time; nothing outside the process may be waited for."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return seconds since the beginning."""
        return self._virtual.now


def run_virtually(
    main: Coroutine[Any, Any, ResultT],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop,
) -> ResultT:
    """Run a coroutine to its end in a loop of its own."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)
