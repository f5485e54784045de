"""Instances asked how they are, with their own keys."""

import asyncio

import pytest
from structlog.testing import capture_logs
from tests.integration.health.conftest import BAD, GOOD, Clock, configuration, key
from tests.support.descriptors import no_descriptors
from tests.support.models_upstream import ModelsUpstream

from conduit.internal.v1.snapshot_pb2 import SealedSecret, SnapshotKey
from conduit_health.checks.checker import Checker, Finding
from conduit_health.state.observation import MAX_DETAIL, Classification
from conduit_health.state.provider_config import USUAL_POLICY, CheckPolicy, provider_configs
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.probing import Prober

C = Classification


class Bench:
    """A checker of one instance whose pauses take no time."""

    def __init__(self, prober: Prober, upstream: ModelsUpstream, clock: Clock) -> None:
        self._prober, self._upstream, self._clock = prober, upstream, clock
        self.pauses: list[float] = []

    async def check(
        self, *keys: SnapshotKey, url: str = "", policy: CheckPolicy = USUAL_POLICY
    ) -> Finding:
        """Check an instance with these keys."""
        state = SnapshotState.of(configuration(url or self._upstream.url, *keys))

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        checker = Checker(
            prober=self._prober, state=state, clock=self._clock, random=lambda: 1.0, sleep=sleep
        )
        [config] = provider_configs(state).values()
        return await checker.check(config._replace(policy=policy))


@pytest.fixture
def bench(prober: Prober, upstream: ModelsUpstream, clock: Clock) -> Bench:
    """Return a checker beside a provider."""
    return Bench(prober, upstream, clock)


def kinds(finding: Finding) -> list[tuple[str, Classification]]:
    """Return what each key met."""
    return [(each.key_id, each.classification) for each in finding.observations]


async def test_each_key_is_asked_and_their_models_are_put_together(
    bench: Bench, upstream: ModelsUpstream
) -> None:
    """Each model once; what was seen is of a probe, with the limits that the answer told."""
    finding = await bench.check(key(1), key(2))
    assert kinds(finding) == [("key_1", C.WORKS), ("key_2", C.WORKS)]
    assert finding.models == upstream.models
    first = finding.observations[0]
    assert first.is_probe
    assert first.response_time_ms is not None
    assert first.limits is not None
    assert first.limits.requests_per_minute.remaining == 3420


async def test_a_refused_key_is_not_asked_again_and_hides_no_other(
    bench: Bench, upstream: ModelsUpstream
) -> None:
    """Whichever comes first."""
    upstream.statuses[BAD] = 401
    finding = await bench.check(key(1, BAD), key(2, GOOD))
    assert kinds(finding) == [("key_1", C.KEY_REFUSED), ("key_2", C.WORKS)]
    assert upstream.asked == [BAD, GOOD]
    assert bench.pauses == []


async def test_an_address_that_fails_is_tried_again_with_growing_pauses(
    bench: Bench, upstream: ModelsUpstream
) -> None:
    """With one key: nothing can be learned of the others."""
    upstream.status = 503
    finding = await bench.check(key(1), key(2))
    assert kinds(finding) == [("key_1", C.FAILED)] * (USUAL_POLICY.retries + 1)
    assert finding.models is None
    assert len(upstream.asked) == USUAL_POLICY.retries + 1
    assert bench.pauses == [0.25, 0.5, 1.0]


async def test_keys_of_another_address_are_asked_all_the_same(
    bench: Bench, upstream: ModelsUpstream
) -> None:
    """The first address may be the key's own mistake."""
    elsewhere = key(1)
    elsewhere.credential.base_url = "http://127.0.0.1:9/v1"
    finding = await bench.check(elsewhere, key(2))
    assert kinds(finding)[-1] == ("key_2", C.WORKS)
    assert kinds(finding)[0] == ("key_1", C.FAILED)
    assert finding.models == upstream.models


async def test_a_key_that_cannot_be_opened_is_as_good_as_refused(
    bench: Bench, upstream: ModelsUpstream
) -> None:
    """It is told by which key it was sealed, and nothing is sent."""
    lost = key(1)
    lost.secret.CopyFrom(SealedSecret(encryption_key_id="lost"))
    finding = await bench.check(lost)
    assert kinds(finding) == [("key_1", C.KEY_REFUSED)]
    assert "another encryption key" in finding.observations[0].detail
    assert (finding.models, upstream.asked) == (None, [])


async def test_an_instance_without_keys_is_told_so(bench: Bench, upstream: ModelsUpstream) -> None:
    """By a type that needs one."""
    finding = await bench.check()
    assert kinds(finding) == [("", C.KEY_REFUSED)]
    assert upstream.asked == []


async def test_what_a_provider_repeats_of_a_key_is_kept_nowhere(
    bench: Bench, upstream: ModelsUpstream
) -> None:
    """And no more of its words than there is room for."""
    upstream.statuses[BAD] = 401
    upstream.repeats = f"{BAD} is wrong " + "x" * 10_000
    finding = await bench.check(key(1, BAD))
    [observation] = finding.observations
    assert BAD not in observation.detail
    assert len(observation.detail) <= MAX_DETAIL


async def test_all_tries_of_a_silent_address_share_one_time(
    bench: Bench, upstream: ModelsUpstream
) -> None:
    """What is left of it is what the last one has."""
    policy = CheckPolicy(timeout_seconds=0.05)
    upstream.is_silent = True
    async with asyncio.timeout(5):
        finding = await bench.check(key(1), key(2), policy=policy)
    assert {kind for _, kind in kinds(finding)} == {C.FAILED}
    assert {key_id for key_id, _ in kinds(finding)} == {"key_1"}


async def test_what_we_lack_says_nothing_of_keys(bench: Bench) -> None:
    """Without a descriptor no check is made; with one it is."""
    with no_descriptors(), capture_logs() as logs:
        finding = await bench.check(key(1), key(2))
    assert finding == Finding([], None)
    assert {each["event"] for each in logs} == {"check_not_made"}
    assert kinds(await bench.check(key(1), key(2))) == [("key_1", C.WORKS), ("key_2", C.WORKS)]
