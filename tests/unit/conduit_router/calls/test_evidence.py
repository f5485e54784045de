"""What failures count against: the smallest thing that they are about, and never another caller."""

import contextlib
import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench
from tests.support.virtual_time import run_virtually

from conduit_kernel.errors import (
    ConduitError,
    ContentPolicy,
    InsufficientFunds,
    InvalidApiKey,
    UpstreamError,
    UpstreamModelNotFound,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.health_view import Subject
from conduit_router.routing.key_refusals import REFUSED_SECONDS, UNCONFIRMED_SECONDS, KeyCheck
from conduit_router.routing.table import Caller, Instance

BODY = b'{"model":"gpt","messages":[{"role":"user","content":"hello"}]}'
AT_MODEL, KEY, MODEL_OF_KEY = (
    Subject(1, "model-1"),
    Subject(1, "", "key_1"),
    Subject(1, "model-1", "key_1"),
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two instances, in order."""
    return Bench(tmp_path)


def caller(number: int) -> CallerContext:
    """Return who calls with a virtual key."""
    return replace(CALLER, caller=Caller(number, is_enabled=True, expires_at=1e18, allowed=None))


def use(bench: Bench, instance: Instance) -> None:
    """Put an instance in the place of the first."""
    table = bench.runtime.table
    route = table.routes["gpt"]
    first, *others = route.candidates
    candidates = (replace(first, instance=instance), *others)
    bench.runtime.table = replace(
        table,
        instances={**table.instances, 1: instance},
        routes={"gpt": replace(route, candidates=candidates)},
    )


async def call(
    bench: Bench, failures: Mapping[int, ConduitError | None], by: int = 1, seconds: float = 0
) -> int:
    """Make a call; return the instance that answered. Each instance fails as told, or not."""

    async def make(_: CallScope, attempt: Attempt) -> int:
        failure = failures.get(attempt.candidate.provider_id)
        if failure is not None:
            bench.now += 0.001
            raise failure
        return attempt.candidate.provider_id

    options = None
    if seconds:
        options = bench.options(seconds)
    form = chat_request(json=BODY)
    with admit(bench.runtime, OPERATION, form, options, caller(by), stream=False) as scope:
        attempt, answer = await run_attempts(scope, make)
        scope.succeed(attempt)
    return answer


def silent() -> UpstreamError:
    """Return the failure of an instance that answers nothing."""
    return UpstreamTimeout("silence", provider="p1")


@pytest.mark.parametrize(
    ("error", "rests"),
    [
        (InvalidApiKey("no", status="401"), {KEY}),
        (InsufficientFunds("no", status="402"), {KEY}),
        (UpstreamRateLimited("slow", status="429"), {MODEL_OF_KEY}),
        (UpstreamModelNotFound("none", status="404", upstream_code="model_not_found"), {AT_MODEL}),
        (UpstreamModelNotFound("none", status="404", upstream_code="not_found_error"), set()),
        (UpstreamRefused("no", status="400"), set()),
        (ContentPolicy("no", status="400"), set()),
        (UpstreamError("down", status="503"), set()),
    ],
)
async def test_what_rests_is_the_smallest_thing(
    bench: Bench, error: UpstreamError, rests: set[Subject]
) -> None:
    """Whatever else the instance, the key and the model are used for goes on."""
    try:
        await call(bench, {1: error})
    except UpstreamRefused:
        assert rests == set()
    assert set(bench.state.view(2).cooldowns) == rests


async def test_a_rest_is_as_long_as_was_asked_for(bench: Bench) -> None:
    """Until then nobody asks."""
    await call(bench, {1: UpstreamRateLimited("slow", retry_after_ms="90000")})
    assert bench.state.view(1).cooldowns[MODEL_OF_KEY].until == pytest.approx(bench.now + 90)


@pytest.mark.parametrize(
    ("has_list", "seconds"), [(True, UNCONFIRMED_SECONDS), (False, REFUSED_SECONDS)]
)
async def test_a_refused_key_rests_for_long_at_once_only_where_nobody_can_check_it(
    bench: Bench,
    has_list: bool,  # noqa: FBT001 # a case
    seconds: float,
) -> None:
    """Of a type without a list of models a call alone finds out."""
    instance = bench.runtime.table.instances[1]
    endpoints = dict(instance.spec.endpoints)
    if not has_list:
        del endpoints["models"]
    spec = replace(instance.spec, endpoints=endpoints)
    use(bench, dataclasses.replace(instance, spec=spec))
    await call(bench, {1: InvalidApiKey("no", status="401")})
    assert bench.state.view(2).cooldowns[KEY].until == pytest.approx(bench.now + seconds)


async def test_after_a_good_check_other_models_of_the_key_are_served(bench: Bench) -> None:
    """The next refusal is about the model, too, as long as the check is fresh."""
    await call(bench, {1: InvalidApiKey("no", status="401")})
    bench.now += 1.0
    bench.state.take_checks([KeyCheck(1, "key_1", bench.now)])
    assert set(bench.state.view(2).cooldowns) == {MODEL_OF_KEY}


@pytest.mark.parametrize("is_disabled", [True, False])
async def test_a_refusal_of_a_former_value_says_nothing_of_the_key(
    bench: Bench,
    is_disabled: bool,  # noqa: FBT001 # a case
) -> None:
    """Nor of one that was disabled meanwhile: it is good once it is enabled again."""

    async def make(_: CallScope, attempt: Attempt) -> int:
        if attempt.candidate.provider_id == 1:
            instance = attempt.candidate.instance
            [key] = instance.keys
            keys = () if is_disabled else (dataclasses.replace(key, rotated_at=5),)
            use(bench, dataclasses.replace(instance, keys=keys))
            raise InvalidApiKey("no", status="401")
        return attempt.candidate.provider_id

    form = chat_request(json=BODY)
    with admit(bench.runtime, OPERATION, form, None, caller(1), stream=False) as scope:
        attempt, answer = await run_attempts(scope, make)
        scope.succeed(attempt)
    assert answer == 2
    assert bench.state.view(2).cooldowns == {}


async def test_a_forbidden_request_takes_the_key_from_nobody_else(bench: Bench) -> None:
    """403 may be about what the request names: it counts by caller."""
    for _ in range(9):
        refused = InvalidApiKey("forbidden", status="403")
        refused.is_conclusive = False
        await call(bench, {1: refused}, by=1)
    assert await call(bench, {}, by=2) == 1
    assert await call(bench, {}, by=1) == 2
    assert not [outcome for outcome in bench.outcomes.drain() if outcome.reason]


async def test_a_key_that_is_forbidden_to_several_callers_is_left_out(bench: Bench) -> None:
    """Then it is the key."""
    for by in range(1, 7):
        refused = InvalidApiKey("forbidden", status="403")
        refused.is_conclusive = False
        await call(bench, {1: refused}, by=by)
    assert await call(bench, {}, by=9) == 2


async def test_a_limit_that_the_caller_set_says_nothing_of_the_provider(bench: Bench) -> None:
    """Neither to this router nor to Health, however often it passes."""
    for by in range(1, 20):
        assert await call(bench, {1: silent()}, by=by, seconds=2) == 2
    assert await call(bench, {}, by=30) == 1
    assert not [outcome for outcome in bench.outcomes.drain() if outcome.reason]


async def test_silence_within_the_usual_limit_counts(bench: Bench) -> None:
    """From several callers it is the instance's model that is left out."""
    for by in range(1, 8):
        await call(bench, {1: silent()}, by=by)
    assert await call(bench, {}, by=30) == 2


async def test_connections_that_fail_count_whoever_asked(bench: Bench) -> None:
    """No request brings that about."""
    for _ in range(5):
        await call(bench, {1: UpstreamUnreachable("refused", kind="refused")}, by=1)
    assert set(bench.state.view(2).open_circuits) == {Subject(1)}
    # Health is told that nobody's request did.
    assert {each.virtual_key_id for each in bench.outcomes.drain() if each.reason} == {0}


async def test_a_request_that_fails_at_two_candidates_is_to_blame(bench: Bench) -> None:
    """Where others succeed: it counts for nothing, however often it comes."""
    for _ in range(30):
        with pytest.raises(UpstreamTimeout):
            await call(bench, {1: silent(), 2: silent()})
        assert await call(bench, {}) == 1
    assert bench.state.view(1).open_circuits == {}


async def test_requests_that_all_fail_at_two_candidates_are_not(bench: Bench) -> None:
    """Both are down: a success from before is no evidence of now."""
    with pytest.raises(UpstreamTimeout):
        await call(bench, {1: silent(), 2: silent()})
    assert await call(bench, {}) == 1
    for _ in range(6):
        with pytest.raises(ConduitError):
            await call(bench, {1: silent(), 2: silent()})
    assert set(bench.state.view(1).open_circuits) >= {AT_MODEL}


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_one_caller_does_changes_what_another_is_answered(
    bench: Bench, seed: int
) -> None:
    """Any failures that a request can bring about, at any time: the first serves the other."""
    run_virtually(_serve_beside_a_hostile_caller(bench, seed))


async def _serve_beside_a_hostile_caller(bench: Bench, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 # chooses a course of events
    kinds = (
        lambda: UpstreamError("500", status="500"),
        lambda: UpstreamError("garbage", kind="malformed"),
        lambda: UpstreamUnreachable("reset", kind="reset"),
        silent,
        lambda: UpstreamRefused("no", status="400"),
        lambda: UpstreamModelNotFound("none", status="404", upstream_code="not_found_error"),
        _by_words,
        _forbidden,
    )
    for _ in range(40):
        bench.now += draw.choice((0.0, 0.1, 3.0, 40.0))
        failures = {1: draw.choice(kinds)(), 2: draw.choice((None, *kinds))}
        hostile = {n: error() if callable(error) else error for n, error in failures.items()}
        seconds = draw.choice((0, 0, 2))
        with contextlib.suppress(ConduitError):
            await call(bench, hostile, by=1, seconds=seconds)
        if draw.random() < 0.4:
            assert await call(bench, {}, by=2) == 1


def _by_words() -> UpstreamError:
    error = InvalidApiKey("your api key is invalid", status="400")
    error.is_conclusive = False
    return error


def _forbidden() -> UpstreamError:
    error = InvalidApiKey("forbidden", status="403")
    error.is_conclusive = False
    return error
