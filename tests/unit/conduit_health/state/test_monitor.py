"""The state of all instances, and who is told of it."""

import asyncio

import pytest
from tests.integration.health.conftest import GOOD, NOW, configuration, key
from tests.unit.conduit_health.conftest import Watched, drained

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_OPEN,
    HEALTH_STATUS_DISABLED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HEALTH_STATUS_UNKNOWN,
    KEY_STATUS_INVALID_CREDENTIALS,
    KEY_STATUS_UNSPECIFIED,
    KeyRateLimits,
    RateLimit,
)
from conduit.v1.provider_pb2 import Provider
from conduit_health.state.circuit import REPORT_HOLDS_SECONDS
from conduit_health.state.observation import Classification, Observation
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.not_found_errors import ProviderNotFound

WORKS, FAILED, REFUSED = Classification.WORKS, Classification.FAILED, Classification.KEY_REFUSED
URL = "http://127.0.0.1:1/v1"


def seen(what: Classification, key_id: str = "key_1", **fields: object) -> Observation:
    """Return an attempt of just now."""
    return Observation(NOW, what, key_id, **fields)  # type: ignore[arg-type] # whichever a test names


@pytest.fixture
def known(watched: Watched) -> Watched:
    """Return a monitor of one instance with one key and a mapped model."""
    watched.configure(configuration(URL, key(1)))
    return watched


def test_before_the_registry_told_anything_nobody_is_missing(watched: Watched) -> None:
    """Afterwards those that are not there are."""
    with pytest.raises(ServiceUnavailable):
        watched.monitor.health(1)
    watched.configure(configuration(URL, key(1)))
    assert watched.monitor.health(1).status == HEALTH_STATUS_UNKNOWN
    with pytest.raises(ProviderNotFound, match="Provider with ID 9 not found"):
        watched.monitor.health(9)


def test_what_is_seen_is_how_an_instance_is(known: Watched) -> None:
    """With its key, and the models that it lists."""
    known.monitor.observe(1, [seen(WORKS, response_time_ms=12)], ["gpt-4"])
    [health] = known.monitor.all()
    assert (health.status, health.response_time_ms) == (HEALTH_STATUS_HEALTHY, 12)
    assert list(health.available_models) == ["gpt-4"]
    for _ in range(3):
        known.monitor.observe(1, [seen(FAILED, detail="is away")])
    health = known.monitor.health(1)
    assert (health.status, health.last_error) == (HEALTH_STATUS_UNHEALTHY, "is away")


def test_what_is_seen_of_what_is_gone_is_let_go(known: Watched) -> None:
    """Of an instance wholly; of a key it is the instance's alone."""
    known.monitor.observe(9, [seen(FAILED)])
    known.monitor.observe(1, [seen(REFUSED, "key_99")])
    health = known.monitor.health(1)
    assert [each.key_id for each in health.key_credentials] == ["key_1"]
    assert health.key_credentials[0].status == KEY_STATUS_UNSPECIFIED
    assert [each.provider_id for each in known.recorder.drain()] == [1]


def test_a_new_value_or_address_clears_the_name_of_a_key(known: Watched) -> None:
    """One that is as it was stays refused; a key that is gone is forgotten."""
    known.monitor.observe(1, [seen(REFUSED)])
    same = known.state.keys["key_1"]
    known.configure(configuration(URL, same))
    [shown] = known.monitor.health(1).key_credentials
    assert shown.status == KEY_STATUS_INVALID_CREDENTIALS
    known.configure(configuration(URL, key(1, GOOD)))
    [shown] = known.monitor.health(1).key_credentials
    assert shown.status == KEY_STATUS_UNSPECIFIED
    known.monitor.observe(1, [seen(REFUSED)])
    moved = configuration("http://127.0.0.1:2/v1", known.state.keys["key_1"])
    moved.providers[0].updated_at.seconds = 7
    known.configure(moved)
    [shown] = known.monitor.health(1).key_credentials
    assert shown.status == KEY_STATUS_UNSPECIFIED
    known.monitor.observe(1, [seen(REFUSED)])
    known.configure(configuration(URL))
    known.configure(configuration(URL, key(1)))
    [shown] = known.monitor.health(1).key_credentials
    assert shown.status == KEY_STATUS_UNSPECIFIED


async def test_subscribers_hear_of_what_lasts(known: Watched) -> None:
    """Not of every response time; of an instance that is gone, too."""
    with known.subscribers.watching() as watch:
        known.monitor.observe(1, [seen(WORKS)])
        assert await watch.next() == {1}
        waiting = asyncio.ensure_future(watch.next())
        known.monitor.observe(1, [seen(WORKS, response_time_ms=9)])
        known.monitor.tick()
        await asyncio.sleep(0)
        assert not waiting.done()
        known.configure(Snapshot(epoch="test"))
        async with asyncio.timeout(5):
            assert await waiting == {1}


def test_each_change_of_status_is_in_the_history(known: Watched) -> None:
    """What was seen, and what operators or time changed without anything being seen."""
    known.monitor.observe(1, [seen(WORKS, is_probe=True)])
    known.configure(configuration(URL, known.state.keys["key_1"], is_enabled=False))
    assert [(each.status, each.is_probe) for each in known.recorder.drain()] == [
        (HEALTH_STATUS_HEALTHY, True),
        (HEALTH_STATUS_DISABLED, False),
    ]
    known.monitor.observe(1, [seen(Classification.NOTHING)])
    assert known.recorder.drain() == []


def test_circuits_are_the_routers_and_end_with_them(known: Watched) -> None:
    """A router that fell silent has none."""
    known.monitor.report_circuits("r1", {1: CIRCUIT_STATE_OPEN, 9: CIRCUIT_STATE_OPEN})
    assert known.monitor.health(1).circuit == CIRCUIT_STATE_OPEN
    known.clock.now += REPORT_HOLDS_SECONDS + 1
    assert known.monitor.health(1).circuit == CIRCUIT_STATE_CLOSED


def test_administrators_are_told_of_what_fails_and_recovers(known: Watched) -> None:
    """Once each: the instance, and the alias that nobody serves."""
    with known.hub.watching() as queue:
        for _ in range(5):
            known.monitor.observe(1, [seen(FAILED)])
        told = drained(queue)
        assert len(told) == 2
        assert any("is unhealthy" in each for each in told)
        assert any("is served by no instance" in each for each in told)
        known.monitor.observe(1, [seen(WORKS)])
        told = drained(queue)
        assert any("works again" in each for each in told)
        assert any("is served again" in each for each in told)


def test_limits_are_those_of_known_keys(known: Watched) -> None:
    """In the contract's words, with the key's id."""
    limits = KeyRateLimits(requests_per_minute=RateLimit(limit=100, remaining=50))
    known.monitor.observe(1, [seen(WORKS, limits=limits), seen(WORKS, "key_9", limits=limits)])
    [found] = known.monitor.limits(1)
    assert (found.key_id, found.requests_per_minute.remaining) == ("key_1", 50)


def test_an_instance_that_comes_back_is_a_new_one(known: Watched) -> None:
    """Nothing is known of it."""
    known.monitor.observe(1, [seen(FAILED)] * 3)
    known.configure(Snapshot(epoch="test"))
    assert known.monitor.all() == []
    known.configure(
        Snapshot(epoch="test", providers=[Provider(id=1, name="Main", is_enabled=True)])
    )
    assert known.monitor.health(1).status == HEALTH_STATUS_UNKNOWN
