"""Loops go on whatever becomes of their steps, and say what is wrong with them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import grpc
import pytest
from structlog.testing import capture_logs
from tests.support.clock import Clock, settle

from conduit_kernel.background import (
    DOWN_AFTER,
    MAX_ABSENCE_PAUSE_SECONDS,
    MAX_PAUSE_SECONDS,
    Background,
)
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable

LONG = 10 * MAX_PAUSE_SECONDS


class PanicError(BaseException):
    """What libraries in other languages raise is no Exception."""


def rpc_error(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    """Return how a call failed."""
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, nothing, nothing, "told by the peer")


class Steps:
    """Steps that do what a test says, one after the other, and then go well."""

    def __init__(self, *problems: BaseException | None) -> None:
        self.problems = list(problems)
        self.made = 0

    async def __call__(self) -> None:
        """Make the next one."""
        self.made += 1
        problem = self.problems.pop(0) if self.problems else None
        if problem is not None:
            raise problem

    def always(self, error: BaseException) -> None:
        """Fail from now on."""
        self.problems = [error] * 10_000


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
async def background(clock: Clock) -> AsyncIterator[Background]:
    """Return a supervisor on that clock."""
    running = Background(sleep=clock.sleep, clock=clock, random=lambda: 1.0)
    yield running
    await running.stop()


async def test_a_step_is_made_at_once_and_then_each_period(
    background: Background, clock: Clock
) -> None:
    """The period begins at the end of a step."""
    steps = Steps()
    background.run("loop", steps, every=5.0)
    await settle()
    assert steps.made == 1
    await clock.advance(14.9)
    assert steps.made == 3


async def test_nothing_is_done_while_there_is_nothing_to_do(
    background: Background, clock: Clock
) -> None:
    """What there is within a period is done in one step, and what comes during it in another."""
    steps, when = Steps(), asyncio.Event()
    background.run("loop", steps, every=1.0, when=when)
    await clock.advance(3600)
    assert steps.made == 0
    for _ in range(3):
        when.set()
        await clock.advance(0.3)
    assert steps.made == 0
    await clock.advance(3600)
    assert steps.made == 1


async def test_what_could_not_be_done_stays_to_be_done(
    background: Background, clock: Clock
) -> None:
    """Nobody needs to say again that there is something to do."""
    steps, when = Steps(OSError(28, "No space left on device")), asyncio.Event()
    background.run("loop", steps, every=1.0, when=when)
    when.set()
    await clock.advance(1.0)
    assert (steps.made, when.is_set()) == (1, True)
    await clock.advance(10.0)
    assert (steps.made, when.is_set()) == (2, False)


async def test_what_a_process_needs_may_be_away_for_a_time_only(
    background: Background, clock: Clock
) -> None:
    """An absence that lasts makes such a loop down; without a limit, it never does."""
    away = ServiceUnavailable("The database is away")
    needed, not_needed = Steps(), Steps()
    background.run("needed", needed, every=1.0, is_vital=True, absence_limit_seconds=5.0)
    background.run("not_needed", not_needed, every=1.0, is_vital=True)
    await settle()
    for steps in (needed, not_needed):
        steps.always(away)
    await clock.advance(4.9)
    assert background.problems() == []
    await clock.advance(LONG)
    assert background.problems() == ["needed fails: The database is away"]
    assert background.changed.is_set()
    background.changed.clear()
    needed.problems.clear()
    await clock.advance(MAX_ABSENCE_PAUSE_SECONDS)
    assert background.problems() == []
    assert background.changed.is_set()


@pytest.mark.parametrize(
    "problem",
    [
        OSError(28, "No space left on device"),
        AttributeError("a bug"),
        InvalidRequest("not right"),
        PanicError("from a library"),
        asyncio.CancelledError(),
        rpc_error(grpc.StatusCode.UNAVAILABLE),
        rpc_error(grpc.StatusCode.UNAUTHENTICATED),
        TimeoutError(),
        ServiceUnavailable("away"),
        StopAsyncIteration(),
    ],
    ids=lambda problem: type(problem).__name__,
)
async def test_a_loop_outlasts_whatever_a_step_raises(
    background: Background, clock: Clock, problem: BaseException
) -> None:
    """Only the end of the process ends it: not even something that is cancelled inside a step."""
    steps = Steps(problem, problem)
    background.run("loop", steps, every=1.0, is_vital=True)
    await clock.advance(60)
    assert steps.made > 10
    assert background.problems() == []
    assert background.loops[0].problem == ""


async def test_pauses_grow_to_a_bound(background: Background, clock: Clock) -> None:
    """A loop that always fails takes little time, and is never given up."""
    steps = Steps()
    steps.always(ValueError("a bug"))
    background.run("loop", steps)
    await clock.advance(0.35)
    assert steps.made == 3
    await clock.advance(600)
    before = steps.made
    await clock.advance(600)
    assert steps.made - before == 600 / MAX_PAUSE_SECONDS


async def test_whoever_comes_back_is_soon_noticed(background: Background, clock: Clock) -> None:
    """Pauses are shorter while another process is away."""
    steps = Steps()
    steps.always(rpc_error(grpc.StatusCode.UNAVAILABLE))
    background.run("loop", steps)
    await clock.advance(600)
    before = steps.made
    await clock.advance(600)
    assert steps.made - before == 600 / MAX_ABSENCE_PAUSE_SECONDS


async def test_a_loop_that_fails_every_other_time_pauses_too(
    background: Background, clock: Clock
) -> None:
    """One step that goes well is no reason to try in haste again."""
    steps = Steps(*[OSError(5, "Input/output error"), None] * 5000)
    with capture_logs() as logs:
        background.run("loop", steps)
        await clock.advance(600)
    assert steps.made < 200
    assert len(logs) < 200


async def test_pauses_differ_from_process_to_process(clock: Clock) -> None:
    """Not all come back at the same moment."""
    made = []
    for chance in (0.0, 0.5, 1.0):
        background = Background(sleep=clock.sleep, clock=clock, random=partial(float, chance))
        steps = Steps()
        steps.always(ValueError("a bug"))
        background.run("loop", steps)
        await clock.advance(LONG)
        await background.stop()
        made.append(steps.made)
    assert made == sorted(set(made), reverse=True)


async def test_a_vital_loop_that_is_down_is_told_until_it_is_mended(
    background: Background, clock: Clock
) -> None:
    """With the reason, and without what the reason may contain."""
    steps = Steps(*[OSError(28, "No space left on device", "a path")] * DOWN_AFTER)
    background.run("charge_delivery", steps, every=LONG, is_vital=True)
    background.changed.clear()
    await clock.advance(0.35)
    assert steps.made == DOWN_AFTER
    assert background.problems() == ["charge_delivery fails: No space left on device"]
    assert background.changed.is_set()
    background.changed.clear()
    await clock.advance(LONG)
    assert background.problems() == []
    assert background.changed.is_set()


async def test_what_is_not_vital_makes_nobody_unready(background: Background, clock: Clock) -> None:
    """It is counted."""
    steps = Steps()
    steps.always(ValueError("a bug"))
    background.run("loop", steps)
    await clock.advance(600)
    assert background.problems() == []
    [loop] = background.loops
    assert (loop.failures, loop.absences) == (steps.made, 0)


@pytest.mark.parametrize(
    "absence",
    [
        ServiceUnavailable("away"),
        TimeoutError(),
        rpc_error(grpc.StatusCode.UNAVAILABLE),
        rpc_error(grpc.StatusCode.INTERNAL),
        rpc_error(grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
    ids=repr,
)
async def test_an_absence_makes_nobody_unready(
    background: Background, clock: Clock, absence: Exception
) -> None:
    """Calls go on without the control plane, for as long as it takes."""
    steps = Steps()
    steps.always(absence)
    background.run("loop", steps, is_vital=True)
    await clock.advance(3600)
    assert background.problems() == []
    [loop] = background.loops
    assert (loop.failures, loop.absences) == (0, steps.made)


async def test_a_refusal_is_no_absence(background: Background, clock: Clock) -> None:
    """Whoever has the wrong key hears nothing, and waits in vain."""
    steps = Steps()
    steps.always(rpc_error(grpc.StatusCode.UNAUTHENTICATED))
    background.run("registry_watch", steps, is_vital=True)
    await clock.advance(60)
    assert background.problems() == ["registry_watch fails: UNAUTHENTICATED"]


async def test_each_change_of_state_is_one_line(background: Background, clock: Clock) -> None:
    """However long it lasts. A bug comes with its traceback, a full disk without."""
    full, bug = OSError(28, "No space left on device"), ValueError("a bug")
    steps = Steps(*[full] * 50, *[bug, full] * 50)
    with capture_logs() as logs:
        background.run("loop", steps, every=1.0)
        await clock.advance(150 * MAX_PAUSE_SECONDS)
    assert [(entry["event"], entry["log_level"], entry["loop"]) for entry in logs] == [
        ("background_failed", "error", "loop"),
        ("background_failed", "error", "loop"),
        ("background_recovered", "info", "loop"),
    ]
    assert [entry.get("exc_info") for entry in logs] == [None, bug, None]
    assert logs[0]["reason"] == "No space left on device"


async def test_an_absence_is_one_line_if_it_lasts(background: Background, clock: Clock) -> None:
    """A restart is none."""
    away = ServiceUnavailable("The database cannot be reached")
    with capture_logs() as logs:
        background.run("loop", Steps(*[away] * 3), every=1.0)
        await clock.advance(60)
    assert logs == []
    with capture_logs() as logs:
        background.run("loop", Steps(*[away] * 100), every=1.0)
        await clock.advance(600)
    assert [entry["event"] for entry in logs] == ["background_waits", "background_recovered"]
    assert logs[0]["reason"] == "The database cannot be reached"


async def test_a_step_that_hangs_does_not_keep_the_process() -> None:
    """It is left behind and named, though it swallows its cancellation."""
    background, ends = Background(), asyncio.Event()

    async def hang() -> None:
        while not ends.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await ends.wait()

    background.run("hanging", hang)
    background.run("well", asyncio.Event().wait)
    await settle()
    with capture_logs() as logs:
        await background.stop(0.01)
    assert [(entry["event"], entry["loops"]) for entry in logs] == [
        ("background_hangs", ["hanging"])
    ]
    ends.set()
    await settle()
    # It made no further step.
    assert [loop.steps for loop in background.loops] == [1, 1]


async def test_stopping_interrupts_a_step_and_leaves_it_to_do(background: Background) -> None:
    """Whoever closes the process sees what is not done."""
    when, began = asyncio.Event(), asyncio.Event()

    async def step() -> None:
        began.set()
        await asyncio.Event().wait()

    background.run("loop", step, when=when)
    when.set()
    await began.wait()
    assert not when.is_set()
    await background.stop()
    assert when.is_set()


async def test_a_step_that_never_waits_does_not_hold_the_event_loop() -> None:
    """Others get their turn."""
    background, steps = Background(), Steps()
    background.run("busy", steps)
    await settle()
    await background.stop()
    assert steps.made > 1


async def test_a_loop_that_somebody_else_ends_is_told(background: Background) -> None:
    """No loop ends in silence."""
    background.run("loop", asyncio.Event().wait, is_vital=True)
    await settle()
    [task] = [each for each in asyncio.all_tasks() if each.get_name() == "loop"]
    with capture_logs() as logs:
        task.cancel()
        await settle()
    assert background.problems() == ["loop fails: it has ended"]
    assert [entry["event"] for entry in logs] == ["background_ended"]
