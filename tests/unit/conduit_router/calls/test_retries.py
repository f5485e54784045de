"""Retries by class of failure, in virtual time: attempts, pauses, budgets, every step's turn."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace
from tests.support.call_bench import BODY, CALLER, Bench, used
from tests.support.snapshots import ALIAS, compiled, key, provider, snapshot
from tests.support.virtual_time import run_virtually

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import (
    FAILURE_CLASS_OVERLOADED,
    FAILURE_CLASS_RATE_LIMITED,
    FAILURE_CLASS_SERVER_ERROR,
    FAILURE_CLASS_TIMEOUT,
    FAILURE_CLASS_UNREACHABLE,
    FailureClass,
    RetryPolicy,
)
from conduit_kernel.errors import (
    DeadlineExceeded,
    InvalidApiKey,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.policy import CallerCaps
from conduit_router.routing.retry_budgets import RETRY_RESERVE

FAILURES: Mapping[FailureClass.ValueType, Callable[[], UpstreamError]] = {
    FAILURE_CLASS_RATE_LIMITED: lambda: UpstreamRateLimited("slow down", status="429"),
    FAILURE_CLASS_OVERLOADED: lambda: UpstreamError("busy", status="503"),
    FAILURE_CLASS_SERVER_ERROR: lambda: UpstreamError("oops", status="500"),
    FAILURE_CLASS_UNREACHABLE: lambda: UpstreamUnreachable("refused", kind="refused"),
    FAILURE_CLASS_TIMEOUT: lambda: UpstreamTimeout("silence"),
}


def seconds(number: float) -> Duration:
    """Return a duration."""
    return Duration(seconds=int(number), nanos=int(number % 1 * 1e9))


class World(Bench):
    """Instances under a chain, whose time passes as soon as everybody waits for it."""

    def __init__(
        self,
        folder: Path,
        *retries: RetryPolicy,
        steps: int = 2,
        keys: int = 1,
        own: Mapping[int, RetryPolicy] | None = None,
    ) -> None:
        super().__init__(folder)
        own = own or {}
        numbers = range(1, steps + 1)
        chain = FallbackChain(
            id=1,
            model_alias=ALIAS,
            is_enabled=True,
            providers=[
                FallbackProvider(provider_id=i, priority=i, retries=[own[i]] if i in own else [])
                for i in numbers
            ],
            retries=retries,
        )
        self.runtime.table = compiled(
            snapshot(
                [provider(i) for i in numbers],
                keys=[key(i * 100 + k, i) for i in numbers for k in range(keys)],
                chains=[chain],
            )
        )
        # Instance, key and moment of each attempt.
        self.asked: list[tuple[int, str, float]] = []

    def _clock(self) -> float:
        return asyncio.get_running_loop().time() if _is_running() else 0.0

    @property
    def steps(self) -> list[int]:
        """Return the instances that were asked, in order."""
        return [step for step, _, _ in self.asked]

    @property
    def pauses(self) -> list[float]:
        """Return the time between each attempt and the next."""
        return [later[2] - earlier[2] for earlier, later in pairwise(self.asked)]

    async def call(
        self,
        fail: Callable[[int], UpstreamError | None],
        options: CallOptions | None = None,
        caps: CallerCaps | None = None,
    ) -> int:
        """Make a call; return the instance that answered. Raises the last failure."""

        async def make(scope: CallScope, attempt: Attempt) -> int:
            step = attempt.candidate.provider_id
            self.asked.append((step, attempt.key.key_id, scope.runtime.clock()))
            await asyncio.sleep(0.01)
            if (error := fail(step)) is not None:
                raise error
            return step

        form = chat_request(json=BODY)
        caller = replace(CALLER, caller=replace(CALLER.caller, caps=caps))
        with admit(self.runtime, OPERATION, form, options, caller, stream=False) as scope:
            attempt, answered = await run_attempts(scope, make)
            attempt.consumption = used()
            scope.succeed(attempt)
        return answered


def _is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def failing(kind: FailureClass.ValueType, *steps: int) -> Callable[[int], UpstreamError | None]:
    """Return what makes these instances fail alike."""
    return lambda step: FAILURES[kind]() if step in steps else None


def busy_for(asked: str, *steps: int) -> Callable[[int], UpstreamError | None]:
    """Return what makes these instances fail and ask for a pause, in milliseconds."""
    return lambda step: (
        UpstreamError("busy", status="503", retry_after_ms=asked) if step in steps else None
    )


@pytest.mark.parametrize("kind", FAILURES)
def test_a_step_is_asked_as_often_as_its_class_allows(
    tmp_path: Path, kind: FailureClass.ValueType
) -> None:
    """And then the next one answers; the pauses are within their doubled bounds."""
    world = World(tmp_path, RetryPolicy(failure=kind, attempts=4, wait=seconds(1)))
    assert run_virtually(world.call(failing(kind, 1))) == 2
    assert world.steps == [1, 1, 1, 1, 2]
    *repeated, last = [pause - 0.01 for pause in world.pauses]
    assert all(pause <= most for pause, most in zip(repeated, (1.0, 2.0, 4.0), strict=True))
    assert last == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("kind", FAILURES)
def test_one_attempt_means_none_again(tmp_path: Path, kind: FailureClass.ValueType) -> None:
    """Neither the quick retry, nor another key, nor a wait for the end of a rest."""
    world = World(tmp_path, RetryPolicy(failure=kind, attempts=1), keys=2)
    with pytest.raises(UpstreamError):
        run_virtually(world.call(failing(kind, 1, 2)))
    assert world.steps == [1, 2]


def test_other_classes_go_as_usual(tmp_path: Path) -> None:
    """What is said of one says nothing of another."""
    rule = RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, attempts=3)
    world = World(tmp_path, rule)
    assert run_virtually(world.call(failing(FAILURE_CLASS_SERVER_ERROR, 1))) == 2
    assert world.steps == [1, 1, 2]


def test_a_step_has_rules_of_its_own(tmp_path: Path) -> None:
    """They win over the chain's."""
    rule = RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=3, wait=seconds(0.1))
    once = RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=1)
    world = World(tmp_path, rule, steps=3, own={1: once})
    assert run_virtually(world.call(failing(FAILURE_CLASS_OVERLOADED, 1, 2))) == 3
    assert world.steps == [1, 2, 2, 2, 3]


def test_a_sibling_key_is_asked_at_once_and_the_first_again_after_a_pause(tmp_path: Path) -> None:
    """All keys of a step together have its attempts."""
    rule = RetryPolicy(failure=FAILURE_CLASS_RATE_LIMITED, attempts=4, wait=seconds(4))
    world = World(tmp_path, rule, keys=2)
    assert run_virtually(world.call(failing(FAILURE_CLASS_RATE_LIMITED, 1))) == 2
    assert world.steps == [1, 1, 1, 1, 2]
    assert [name for _, name, _ in world.asked][:2] == [name for _, name, _ in world.asked][2:4]
    to_sibling, again, to_sibling_again, _ = world.pauses
    assert to_sibling == pytest.approx(to_sibling_again) == pytest.approx(0.01, abs=1e-6)
    assert again >= 0.5


def test_a_pause_that_the_provider_asks_for_is_kept_or_not_made(tmp_path: Path) -> None:
    """Up to the longest of the policy."""
    rule = RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=2, max_wait=seconds(3))
    for asked, steps in (("2500", [1, 1, 2]), ("3500", [1, 2])):
        world = World(tmp_path / asked, rule)
        assert run_virtually(world.call(busy_for(asked, 1))) == 2
        assert world.steps == steps
        assert world.pauses[0] >= 2.5 or len(steps) == 2


def test_who_asks_for_a_pause_is_not_asked_within_it(tmp_path: Path) -> None:
    """Without a policy: another one is asked at once, or the only one once the pause is over."""
    world = World(tmp_path / "two")
    with pytest.raises(UpstreamError):
        run_virtually(world.call(busy_for("2000", 1, 2)))
    assert world.steps == [1, 2, 2]
    assert world.pauses[0] < 0.1
    assert world.pauses[1] >= 2.0
    alone = World(tmp_path / "one", steps=1)
    with pytest.raises(UpstreamError):
        run_virtually(alone.call(busy_for("2000", 1)))
    assert alone.steps == [1, 1]
    assert alone.pauses[0] >= 2.0


def test_pauses_leave_their_time_to_the_other_steps(tmp_path: Path) -> None:
    """A retry never takes another step's chance, neither of the attempts nor of the time."""
    rule = RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=16, wait=seconds(0.1))
    options = CallOptions(timeout=seconds(3))
    for number in range(10):  # as pauses are drawn
        world = World(tmp_path / str(number), rule, steps=3)
        assert run_virtually(world.call(failing(FAILURE_CLASS_OVERLOADED, 1, 2), options)) == 3
        assert world.steps.index(2) >= 2
        assert world.asked[world.steps.index(2)][2] <= 1.1
        assert world.asked[-1][2] <= 2.1


@pytest.mark.parametrize(("keys", "refused", "answers"), [(9, 7, 1), (3, 3, 2), (40, 40, 2)])
def test_every_key_of_a_step_is_asked_while_others_are_refused(
    tmp_path: Path, keys: int, refused: int, answers: int
) -> None:
    """Up to the operator's cap, and then the next step has its turn: no key is asked twice."""
    world = World(tmp_path, keys=keys)

    def fail(step: int) -> UpstreamError | None:
        is_refused = step == 1 and len(world.asked) <= refused
        return InvalidApiKey("no", status="401") if is_refused else None

    assert run_virtually(world.call(fail)) == answers
    asked = [name for _, name, _ in world.asked]
    assert len(asked) == len(set(asked)) == min(refused + 1, world.runtime.caps.attempts)


def test_keys_that_are_refused_are_asked_as_often_as_the_caller_lets_them(tmp_path: Path) -> None:
    """With two attempts, one is the next step's."""
    world = World(tmp_path, keys=9)

    def fail(step: int) -> UpstreamError | None:
        return InvalidApiKey("no", status="401") if step == 1 else None

    assert run_virtually(world.call(fail, CallOptions(max_attempts=2))) == 2
    assert world.steps == [1, 2]


def test_the_caller_s_attempts_bound_retries(tmp_path: Path) -> None:
    """Each step has its turn before the rest is used on one that had it."""
    rule = RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=16, wait=seconds(0.1))
    world = World(tmp_path, rule, steps=3)
    with pytest.raises(UpstreamError):
        run_virtually(
            world.call(failing(FAILURE_CLASS_OVERLOADED, 1, 2, 3), CallOptions(max_attempts=5))
        )
    assert world.steps == [1, 1, 1, 2, 3]


def test_the_operator_s_cap_bounds_retries(tmp_path: Path) -> None:
    """Whatever each step may have."""
    rule = RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, attempts=16, wait=seconds(0.1))
    world = World(tmp_path, rule, steps=5)
    world.runtime.caps = world.runtime.caps._replace(attempts=8)
    with pytest.raises(UpstreamError):
        run_virtually(world.call(failing(FAILURE_CLASS_TIMEOUT, 1, 2, 3, 4, 5)))
    assert len(world.steps) == 8
    assert set(world.steps) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("asked", [None, 9])
@pytest.mark.parametrize("most", [1, 3, 6])
def test_a_virtual_key_s_cap_bounds_retries(tmp_path: Path, most: int, asked: int | None) -> None:
    """Whatever its caller asks for, and also where a policy has attempts for more."""
    rule = RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, attempts=16, wait=seconds(0.1))
    world = World(tmp_path, rule, steps=2)
    call = world.call(
        failing(FAILURE_CLASS_TIMEOUT, 1, 2),
        CallOptions(max_attempts=asked),
        CallerCaps(attempts=most),
    )
    with pytest.raises(UpstreamError):
        run_virtually(call)
    assert len(world.steps) == most
    assert set(world.steps) == {1, 2}.intersection(range(1, most + 1))


def test_retry_budgets_bound_what_a_policy_allows(tmp_path: Path) -> None:
    """A provider that is down is not asked sixteen times by each of its callers."""
    rule = RetryPolicy(failure=FAILURE_CLASS_RATE_LIMITED, attempts=16, wait=seconds(0.5))
    world = World(tmp_path, rule)

    async def main() -> None:
        calls = [world.call(failing(FAILURE_CLASS_RATE_LIMITED, 1)) for _ in range(20)]
        assert await asyncio.gather(*calls) == [2] * 20

    run_virtually(main())
    assert world.steps.count(1) == 20 + RETRY_RESERVE


def test_any_schedule_of_failures_keeps_the_promises(tmp_path: Path) -> None:
    """Seeded: the deadline, the attempts of each class, of the call, and every step's turn."""
    rng = random.Random(7)  # noqa: S311 # seeded
    for number in range(150):
        steps, most = rng.randint(1, 4), rng.randint(1, 6)
        limit = rng.choice([None, rng.randint(steps, 8)])
        total = rng.choice([5.0, 30.0])
        allowed = {kind: rng.randint(1, 5) for kind in FAILURES}
        rules = [
            RetryPolicy(failure=kind, attempts=attempts, wait=seconds(rng.choice([0.1, 1.0, 20.0])))
            for kind, attempts in allowed.items()
        ]
        world = World(tmp_path / str(number), *rules, steps=steps, keys=rng.randint(1, 2))
        world.runtime.caps = world.runtime.caps._replace(attempts=most + steps)
        seen = Counter[tuple[int, int]]()

        def fail(step: int, seen: Counter[tuple[int, int]] = seen) -> UpstreamError:
            kind = rng.choice([*FAILURES])
            seen[step, kind] += 1
            return FAILURES[kind]()

        options = CallOptions(timeout=seconds(total), max_attempts=limit)
        with pytest.raises((UpstreamError, DeadlineExceeded)):
            run_virtually(world.call(fail, options))
        assert world.asked[-1][2] <= total
        assert all(count <= allowed[kind] for (_, kind), count in seen.items())  # type: ignore[index] # a class
        assert len(world.steps) <= (limit or max(4, steps, most + steps))
        assert set(world.steps) == set(range(1, steps + 1))
        world.spool.close()
