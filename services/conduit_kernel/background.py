"""Supervisor of the loops that a process runs beside its calls.

A loop makes one step again and again until the process drains. A step that raises is made again
after a pause that grows. There are two kinds of trouble: an *absence* is another process that
is away or overloaded, for which the suite is built; a *failure* is anything else. Failures that
repeat in a vital loop make the process unready, absences do not.
"""

import asyncio
import random as chance
import time
from collections.abc import Awaitable, Callable

import grpc
import structlog

from conduit_kernel.errors import ConduitError, ServiceUnavailable

MIN_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 10.0
# Whoever comes back is soon noticed.
MAX_ABSENCE_PAUSE_SECONDS = 2.0
# Failures so far apart have nothing to do with each other.
CALM_SECONDS = 60.0
# Failures in a row that make a vital loop a reason to send no calls here.
DOWN_AFTER = 3
# An absence that ends sooner, such as a restart, is not worth a line.
UNREPORTED_ABSENCE_SECONDS = 5.0
# How long `stop` waits for steps that do not let themselves be cancelled.
STOP_SECONDS = 0.5
_ABSENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        # What a peer cannot do is the peer's trouble.
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)

Step = Callable[[], Awaitable[object]]


class Loop:
    """One loop: what it is called, what it counted, and what is wrong with it now."""

    def __init__(
        self, name: str, *, is_vital: bool, absence_limit_seconds: float | None = None
    ) -> None:
        self.name = name
        self.is_vital = is_vital
        self.absence_limit_seconds = absence_limit_seconds
        self.steps = 0
        self.failures = 0
        self.absences = 0
        # Why the last step did not go well; empty if it did.
        self.problem = ""
        # Failures since the last step that went well.
        self.failures_in_a_row = 0
        self.absent_seconds = 0.0
        self.absent_since: float | None = None
        self.is_absent_for_long = False
        self.reported: set[str] = set()
        self._level = 0
        self._calm_at = 0.0

    @property
    def is_down(self) -> bool:
        """Return whether the loop failed too often, or what it needs is away for too long."""
        return self.failures_in_a_row >= DOWN_AFTER or self.is_absent_for_long

    def note_absence(self, now: float) -> bool:
        """Take note of an absence; return whether it has lasted for too long since just now."""
        if self.absent_since is None:
            self.absent_since = now
        limit = self.absence_limit_seconds
        if limit is None or self.is_absent_for_long or now - self.absent_since < limit:
            return False
        self.is_absent_for_long = True
        return True

    def pause(self, now: float, limit: float, random: float) -> float:
        """Return how long to wait after a step that went wrong: longer each time, with jitter."""
        if now > self._calm_at:
            self._level = 0
        seconds = min(MIN_PAUSE_SECONDS * 2.0**self._level, limit) * (0.5 + 0.5 * random)
        # Not reset by one step that goes well: a loop that fails every other time must pause, too.
        if MIN_PAUSE_SECONDS * 2.0**self._level < MAX_PAUSE_SECONDS:
            self._level += 1
        self._calm_at = now + seconds + CALM_SECONDS
        return seconds


class Background:
    """Runs loops until it is stopped, whatever becomes of their steps."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = chance.random,
    ) -> None:
        """Take how to wait for seconds, a clock of seconds, and what gives numbers from 0 to 1."""
        self.loops: list[Loop] = []
        # Set whenever `problems` may answer otherwise than before.
        self.changed = asyncio.Event()
        self._sleep = sleep
        self._clock = clock
        self._random = random
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._log = structlog.get_logger("background")

    def run(
        self,
        name: str,
        step: Step,
        *,
        every: float = 0.0,
        when: asyncio.Event | None = None,
        is_vital: bool = False,
        absence_limit_seconds: float | None = None,
    ) -> None:
        """Make a step again and again until `stop`.

        - `every`: seconds from the end of a step to the next one; 0 for a step that itself waits
          until there is something to do.
        - `when`: set while there is something to do. Nothing is done before; the step follows
          `every` seconds later, so that what comes meanwhile is done together. Stays set while
          steps go wrong.
        - `is_vital`: the process is not ready while this loop is down.
        - `absence_limit_seconds`: an absence that lasts for so long makes it down, too; None for
          what the process can do without.
        """
        loop = Loop(name, is_vital=is_vital, absence_limit_seconds=absence_limit_seconds)
        self.loops.append(loop)
        task = asyncio.create_task(self._repeat(loop, step, every, when), name=name)
        task.add_done_callback(lambda done: self._ended(loop, done))
        self._tasks.append(task)

    def problems(self) -> list[str]:
        """Return why the process is not ready: each vital loop that is down, with a reason."""
        return [
            f"{loop.name} fails: {loop.problem}"
            for loop in self.loops
            if loop.is_vital and loop.is_down
        ]

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Cancel all loops and wait for them; those that hang are left behind after a time."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, hanging = await asyncio.wait(self._tasks, timeout=seconds)
            if hanging:
                names = sorted(task.get_name() for task in hanging)
                self._log.error("background_hangs", loops=names)

    async def _repeat(
        self, loop: Loop, step: Step, every: float, when: asyncio.Event | None
    ) -> None:
        # A step may swallow its cancellation.
        while not self._is_stopping:
            if when is not None:
                await when.wait()
                await self._sleep(every)
                when.clear()
            loop.steps += 1
            try:
                await step()
            except BaseException as error:
                if when is not None:
                    when.set()
                if self._is_end(error):
                    raise
                pause = self._failed(loop, error)
            else:
                self._succeeded(loop)
                pause = every if when is None else 0.0
            await self._sleep(pause)

    def _is_end(self, error: BaseException) -> bool:
        if isinstance(error, asyncio.CancelledError):
            # Something that a step waited for may be cancelled, too; that is no end of the loop.
            task = asyncio.current_task()
            return self._is_stopping or task is None or bool(task.cancelling())
        return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)

    def _failed(self, loop: Loop, error: BaseException) -> float:
        """Count and report what a step raised; return how long to wait."""
        loop.problem = reason_of(error)
        if not is_absence(error):
            return self._failed_itself(loop, error)
        loop.absences += 1
        if loop.note_absence(self._clock()):
            self.changed.set()
        pause = loop.pause(self._clock(), MAX_ABSENCE_PAUSE_SECONDS, self._random())
        loop.absent_seconds += pause
        if loop.absent_seconds >= UNREPORTED_ABSENCE_SECONDS and "" not in loop.reported:
            loop.reported.add("")
            self._log.warning("background_waits", loop=loop.name, reason=loop.problem)
        return pause

    def _failed_itself(self, loop: Loop, error: BaseException) -> float:
        loop.failures += 1
        loop.failures_in_a_row += 1
        kind = type(error).__name__
        # Once for each kind of failure, not each time.
        if kind not in loop.reported:
            loop.reported.add(kind)
            is_foreseen = isinstance(error, OSError | ConduitError | grpc.RpcError)
            trace = None if is_foreseen else error
            self._log.error(
                "background_failed", loop=loop.name, reason=loop.problem, exc_info=trace
            )
        if loop.failures_in_a_row == DOWN_AFTER:
            self.changed.set()
        return loop.pause(self._clock(), MAX_PAUSE_SECONDS, self._random())

    def _succeeded(self, loop: Loop) -> None:
        if not loop.problem:
            return
        if loop.is_down:
            self.changed.set()
        if loop.reported:
            self._log.info("background_recovered", loop=loop.name)
        loop.reported.clear()
        loop.problem = ""
        loop.failures_in_a_row = 0
        loop.absent_seconds = 0.0
        loop.absent_since, loop.is_absent_for_long = None, False

    def _ended(self, loop: Loop, task: asyncio.Task[None]) -> None:
        """Notice a loop that ended though nobody stopped it, which only the process's end does."""
        error = None if task.cancelled() else task.exception()
        if not self._is_stopping:
            loop.problem = "it has ended"
            loop.failures_in_a_row = DOWN_AFTER
            self.changed.set()
            self._log.error("background_ended", loop=loop.name, exc_info=error)


def is_absence(error: BaseException) -> bool:
    """Return whether another process is away or overloaded, which passes by itself."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code() in _ABSENT
    return isinstance(error, ServiceUnavailable | TimeoutError | grpc.RpcError)


def reason_of(error: BaseException) -> str:
    """Return in a few words what went wrong, without paths and addresses."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name
    if isinstance(error, ConduitError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
