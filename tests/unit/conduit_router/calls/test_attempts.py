"""What follows an attempt, with attempts that do what the test says."""

import asyncio
from pathlib import Path

import pytest
from tests.support.call_bench import Bench, used

from conduit_kernel.errors import (
    ConduitError,
    InvalidApiKey,
    ServiceUnavailable,
    UnsupportedCapability,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.health_view import Subject


class Script:
    """Attempts that fail as told, one after the other, and then succeed."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[int] = []

    async def __call__(self, scope: CallScope, attempt: Attempt) -> str:
        """Fail, or answer."""
        self.asked.append(attempt.candidate.provider_id)
        attempt.is_sent = not (
            self.failures and isinstance(self.failures[0], UnsupportedCapability)
        )
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two instances, in order."""
    return Bench(tmp_path)


async def run(bench: Bench, script: Script) -> str:
    """Make a call of attempts."""
    with bench.admit() as scope:
        attempt, answer = await run_attempts(scope, script)
        attempt.consumption = used()
        scope.succeed(attempt)
    return answer


async def test_a_crash_of_ours_goes_to_the_next_candidate(bench: Bench) -> None:
    """It is logged, told as ours if nobody else can serve, and no provider is blamed."""
    script = Script(KeyError("a fault in a codec"))
    assert await run(bench, script) == "answer"
    assert script.asked == [1, 2]
    assert not bench.state.view().open_circuits
    with pytest.raises(ConduitError) as failed:
        await run(bench, Script(KeyError("one"), TimeoutError("bare")))
    assert type(failed.value) is ConduitError


async def test_only_errors_of_ours_leave(bench: Bench) -> None:
    """Whatever an attempt raises, callers and listeners see a ConduitError."""
    with pytest.raises(ConduitError):
        await run(bench, Script(OSError(24, "too many"), TimeoutError()))
    assert bench.codes == ["INTERNAL"]


async def test_an_error_that_is_no_providers_ends_the_call(bench: Bench) -> None:
    """Our own lack is not cured by asking somebody else."""
    script = Script(ServiceUnavailable("no descriptors", service="router"))
    with pytest.raises(ServiceUnavailable):
        await run(bench, script)
    assert script.asked == [1]
    assert len(bench.endings) == 1


async def test_a_timeout_within_the_callers_time_is_the_providers(bench: Bench) -> None:
    """The next candidate is asked, once."""
    script = Script(UpstreamTimeout("silence"))
    assert await run(bench, script) == "answer"
    assert script.asked == [1, 2]
    _, tallies = bench.records()
    assert tallies[1].failures == 1


async def test_a_refused_key_is_named(bench: Bench) -> None:
    """As its reason documents: who raises it does not know which one it was."""
    refused = InvalidApiKey("no such key", provider="p1"), InvalidApiKey("nor this", provider="p2")
    with pytest.raises(InvalidApiKey) as failed:
        await run(bench, Script(*refused))
    assert [error.metadata["key_id"] for error in refused] == ["key_1", "key_2"]
    assert failed.value is refused[1]


async def test_a_timeout_says_how_long_was_waited(bench: Bench) -> None:
    """In milliseconds of the attempt, as its reason documents."""
    late = UpstreamTimeout("silence", provider="p1")
    await run(bench, Script(late))
    assert int(late.metadata["waited_ms"]) >= 0


async def test_the_last_failure_is_told(bench: Bench) -> None:
    """Of the provider, before what a dialect could not say."""
    with pytest.raises(UpstreamError, match="second"):
        await run(bench, Script(UnsupportedCapability("first"), UpstreamTimeout("second")))
    with pytest.raises(UnsupportedCapability, match="one"):
        await run(bench, Script(UnsupportedCapability("one"), UnsupportedCapability("two")))


def by_words() -> InvalidApiKey:
    """Return what a provider's words alone say of a key."""
    error = InvalidApiKey("Invalid API key for provider One", status="400")
    error.is_conclusive = False
    return error


async def test_words_bench_no_key_and_are_not_told(bench: Bench) -> None:
    """The next key is asked, and the caller who wrote them takes nothing from others."""
    script = Script(by_words())
    assert await run(bench, script) == "answer"
    assert script.asked == [1, 2]
    view = bench.state.view()
    assert (view.cooldowns, view.open_circuits) == ({}, {})
    assert [outcome for outcome in bench.outcomes.drain() if outcome.reason] == []


async def test_a_key_that_its_status_refuses_is_benched_and_told(bench: Bench) -> None:
    """A 401 is about the key, whatever the request was."""
    await run(bench, Script(InvalidApiKey("Invalid API key for provider One", status="401")))
    assert list(bench.state.view().cooldowns) == [Subject(1, "", "key_1")]
    assert [outcome.key_id for outcome in bench.outcomes.drain() if outcome.reason] == ["key_1"]


async def test_a_provider_that_asks_for_no_pause_is_not_asked_without_one(bench: Bench) -> None:
    """`Retry-After: 0` from everybody: within half a second nobody is asked again."""
    script = Script(*[UpstreamRateLimited("slow down", retry_after_ms="0") for _ in range(20)])
    with bench.admit() as scope, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await run_attempts(scope, script)
    assert script.asked == [1, 2]
