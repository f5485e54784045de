"""When instances are checked."""

import asyncio

import pytest
import structlog
from tests.integration.health.conftest import GOOD, Clock, configuration, key
from tests.support.models_upstream import ModelsUpstream
from tests.unit.conduit_health.conftest import Watched

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HEALTH_STATUS_UNKNOWN,
)
from conduit_health.checks.checker import Checker
from conduit_health.checks.scheduler import (
    CONFIRM_SECONDS,
    UNHEALTHY_INTERVAL_SECONDS,
    CheckScheduler,
)
from conduit_health.state.observation import Classification, Observation
from conduit_health.state.provider_config import USUAL_POLICY
from conduit_kernel.not_found_errors import ProviderNotFound
from conduit_providers.probing import Prober

YEAR = 365 * 86_400.0


def checks() -> list[asyncio.Task[object]]:
    """Return the checks that run."""
    tasks = asyncio.all_tasks()
    return [t for t in tasks if "CheckScheduler._run" in getattr(t.get_coro(), "__qualname__", "")]


class Bench:
    """A scheduler of one instance, whose chance is always a half."""

    def __init__(self, watched: Watched, prober: Prober, upstream: ModelsUpstream) -> None:
        self.watched, self.upstream = watched, upstream
        self.clock: Clock = watched.clock
        self.monitor = watched.monitor
        checker = Checker(
            prober=prober,
            state=watched.state,
            clock=self.clock,
            random=lambda: 0.0,
        )
        self.checks = CheckScheduler(checker, self.monitor, clock=self.clock, random=lambda: 0.5)
        watched.configure(configuration(upstream.url, key(1)))

    async def asked_after(self, seconds: float) -> int:
        """Let time pass; return how often the provider was asked then."""
        self.clock.now += seconds
        self.upstream.asked.clear()
        self.checks.start_due()
        await asyncio.gather(*checks())
        return len(self.upstream.asked)

    def see(self, what: Classification, times: int = 1) -> None:
        """Take what calls saw just now."""
        self.monitor.observe(1, [Observation(self.clock.now, what, "key_1", times=times)])


@pytest.fixture
def bench(watched: Watched, prober: Prober, upstream: ModelsUpstream) -> Bench:
    """Return a scheduler beside a provider."""
    return Bench(watched, prober, upstream)


async def test_a_check_on_demand_is_waited_for(bench: Bench) -> None:
    """What is not there cannot be checked."""
    await bench.checks.check(1)
    assert bench.monitor.health(1).status == HEALTH_STATUS_HEALTHY
    with pytest.raises(ProviderNotFound):
        await bench.checks.check(9)


async def test_those_who_ask_at_once_share_a_check(bench: Bench) -> None:
    """One that has ended is no longer shared."""
    await asyncio.gather(*(bench.checks.check(1) for _ in range(10)))
    assert len(bench.upstream.asked) == 1
    await bench.checks.check(1)
    assert len(bench.upstream.asked) == 2


async def test_a_disabled_instance_is_not_asked(bench: Bench) -> None:
    """Neither on demand nor by the clock."""
    bench.watched.configure(configuration(bench.upstream.url, key(1), is_enabled=False))
    await bench.checks.check(1)
    await bench.checks.check_if_old(1)
    assert await bench.asked_after(10 * USUAL_POLICY.interval_seconds) == 0
    assert bench.upstream.asked == []


async def test_what_was_seen_lately_is_not_asked_again(bench: Bench) -> None:
    """Whether a call or a check saw it."""
    bench.see(Classification.WORKS)
    bench.clock.now += USUAL_POLICY.interval_seconds
    await bench.checks.check_if_old(1)
    assert bench.upstream.asked == []
    bench.clock.now += 1
    await bench.checks.check_if_old(1)
    await bench.checks.check_if_old(1)
    assert len(bench.upstream.asked) == 1


async def test_instances_are_asked_every_five_minutes(bench: Bench) -> None:
    """The first time spread over them; not while calls alone show that all is well."""
    assert await bench.asked_after(0) == 0
    assert await bench.asked_after(USUAL_POLICY.interval_seconds / 2 - 1) == 0
    assert await bench.asked_after(1) == 1
    assert await bench.asked_after(USUAL_POLICY.interval_seconds - 1) == 0
    bench.see(Classification.WORKS)
    assert await bench.asked_after(1) == 0
    bench.see(Classification.FAILED)
    assert await bench.asked_after(USUAL_POLICY.interval_seconds) == 1


async def test_what_does_not_work_is_asked_each_minute(bench: Bench) -> None:
    """After the last sign of it; what is mended is asked no more often."""
    assert await bench.asked_after(0) == 0
    bench.see(Classification.FAILED, times=3)
    assert bench.monitor.health(1).status == HEALTH_STATUS_UNHEALTHY
    assert await bench.asked_after(UNHEALTHY_INTERVAL_SECONDS - 1) == 0
    assert await bench.asked_after(1) == 1
    assert await bench.asked_after(UNHEALTHY_INTERVAL_SECONDS) == 0


async def test_a_clock_that_was_ahead_stops_no_check(bench: Bench) -> None:
    """Neither on demand nor by the clock; nor are there more of them than there were."""
    bench.clock.now += YEAR
    await bench.asked_after(0)
    await bench.asked_after(USUAL_POLICY.interval_seconds)
    bench.clock.now -= YEAR
    bench.upstream.asked.clear()
    await bench.checks.check_if_old(1)
    assert len(bench.upstream.asked) == 1
    await bench.checks.check_if_old(1)
    assert len(bench.upstream.asked) == 1
    assert [await bench.asked_after(USUAL_POLICY.interval_seconds / 2) for _ in range(4)] == [
        0,
        0,
        0,
        1,
    ]


async def test_a_crash_of_ours_is_logged_and_the_next_check_comes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else would hear of it."""

    async def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Checker, "check", crash)
    with structlog.testing.capture_logs() as logs:
        await bench.checks.check(1)
    assert [line["event"] for line in logs] == ["check_failed"]
    monkeypatch.undo()
    await bench.checks.check(1)
    assert bench.monitor.health(1).status == HEALTH_STATUS_HEALTHY


async def test_a_check_that_hangs_is_not_waited_for_and_can_be_broken_off(
    bench: Bench,
) -> None:
    """Whoever asked is told what is known; a service that ends leaves no task."""
    impatient = configuration(bench.upstream.url, key(1))
    impatient.providers[0].health_check.timeout_seconds = 1
    bench.watched.configure(impatient)
    bench.upstream.is_silent = True
    async with asyncio.timeout(5):
        await bench.checks.check(1)
        await bench.checks.stop()
    assert checks() == []


async def refused(bench: Bench, after: float = 0.0, times: int = 1) -> int:
    """Let calls be refused for the key after some time; return how often it was checked then."""
    bench.clock.now += after
    bench.upstream.asked.clear()
    for _ in range(times):
        bench.see(Classification.KEY_REFUSED)
        bench.checks.confirm(1, "key_1")
        await asyncio.gather(*confirmations())
    return len(bench.upstream.asked)


def confirmations() -> list[asyncio.Task[object]]:
    """Return the checks of keys that run."""
    tasks = asyncio.all_tasks()
    name = "CheckScheduler._confirm"
    return [t for t in tasks if name in getattr(t.get_coro(), "__qualname__", "")]


async def test_a_refused_key_is_checked_at_once_and_not_again_for_a_while(bench: Bench) -> None:
    """However often calls are refused for it: no caller can bring about a storm."""
    assert await refused(bench, times=20) == 1
    assert await refused(bench, CONFIRM_SECONDS - 1, times=20) == 0
    # The last refusal is still to be looked into.
    assert await asked_for_key(bench, 0.5) == 0
    assert await asked_for_key(bench, 0.5) == 1
    assert await asked_for_key(bench, CONFIRM_SECONDS) == 0
    assert bench.monitor.health(1).status == HEALTH_STATUS_HEALTHY


async def asked_for_key(bench: Bench, after: float) -> int:
    """Let time pass; return how often the key was checked."""
    bench.clock.now += after
    bench.upstream.asked.clear()
    bench.checks.start_due()
    await asyncio.gather(*confirmations())
    return len(bench.upstream.asked)


async def test_only_a_key_that_was_refused_is_confirmed(bench: Bench) -> None:
    """Neither one that works, nor one that is unknown, disabled, or of a disabled instance."""
    bench.see(Classification.WORKS)
    for provider_id, key_id in ((1, "key_1"), (1, "key_9"), (9, "key_1")):
        bench.checks.confirm(provider_id, key_id)
    assert confirmations() == []
    bench.watched.configure(configuration(bench.upstream.url, key(1), is_enabled=False))
    assert await refused(bench) == 0


async def under_way(bench: Bench) -> None:
    """Wait until the provider was asked, which does not answer yet."""
    while not bench.upstream.asked:  # noqa: ASYNC110 # the provider tells nobody
        await asyncio.sleep(0)


def replaced(bench: Bench) -> Snapshot:
    """Return the configuration with another value of the key."""
    other = key(1, "sk-other")
    other.credential.updated_at.seconds = 5
    return configuration(bench.upstream.url, other)


async def test_a_value_that_was_replaced_meanwhile_is_not_judged_by_a_check(bench: Bench) -> None:
    """What the check found is of the one before."""
    bench.upstream.statuses[GOOD] = 401
    bench.upstream.answers.clear()
    bench.see(Classification.KEY_REFUSED)
    bench.checks.confirm(1, "key_1")
    await under_way(bench)
    bench.watched.configure(replaced(bench))
    bench.upstream.answers.set()
    await asyncio.gather(*confirmations())
    assert bench.upstream.asked == [GOOD]
    assert bench.monitor.key_checks([1]) == []
    assert not bench.monitor.is_suspect(1, "key_1")


async def test_an_address_that_was_replaced_meanwhile_is_not_judged_by_a_check(
    bench: Bench,
) -> None:
    """Neither that it fails, nor which models were there."""
    bench.upstream.answers.clear()
    check = asyncio.create_task(bench.checks.check(1))
    await under_way(bench)
    moved = configuration("http://127.0.0.1:1/v1", key(1))
    moved.providers[0].updated_at.seconds = 5
    bench.watched.configure(moved)
    bench.upstream.answers.set()
    await check
    assert bench.monitor.health(1).status == HEALTH_STATUS_UNKNOWN
    assert bench.monitor.instance_state(1).models is None


@pytest.mark.parametrize("is_gone", [False, True], ids=["replaced", "gone"])
async def test_a_check_that_waits_for_its_turn_is_of_what_is_there_then(
    bench: Bench, *, is_gone: bool
) -> None:
    """It asks with the value that the key has by then, and what it finds counts."""
    bench.see(Classification.KEY_REFUSED)
    bench.checks.confirm(1, "key_1")
    assert len(confirmations()) == 1
    bench.watched.configure(Snapshot(epoch="test") if is_gone else replaced(bench))
    await asyncio.gather(*confirmations())
    assert bench.upstream.asked == ([] if is_gone else ["sk-other"])
    assert len(bench.monitor.key_checks([] if is_gone else [1])) == (not is_gone)


async def test_a_scheduler_that_stops_breaks_off_the_checks_of_keys(bench: Bench) -> None:
    """A provider that is silent holds nobody up."""
    bench.upstream.is_silent = True
    bench.see(Classification.KEY_REFUSED)
    bench.checks.confirm(1, "key_1")
    await asyncio.sleep(0)
    await bench.checks.stop()
    assert confirmations() == []
