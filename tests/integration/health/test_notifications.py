"""What administrators are told, and when."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs
from tests.integration.health.conftest import (
    METADATA,
    NOW,
    SERVICE_METADATA,
    Bench,
    Health,
    configuration,
    key,
)
from tests.integration.health.test_reports import outcome, report

from conduit.internal.v1 import outcome_service_pb2 as internal
from conduit.internal.v1.outcome_pb2 import RouterCircuit
from conduit.v1 import notification_requests_pb2 as pb
from conduit.v1.error_reason_pb2 import ERROR_REASON_INVALID_API_KEY, ERROR_REASON_PROVIDER_ERROR
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.notification_pb2 import (
    MAPPING_CHANGE_CREATED,
    MAPPING_CHANGE_DELETED,
    MAPPING_CHANGE_UPDATED,
    Notification,
)
from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
    HEALTH_STATUS_UNHEALTHY,
    KEY_STATUS_INVALID_CREDENTIALS,
    CircuitState,
    RateLimit,
)
from conduit_health.notifications.hub import kind_name
from conduit_kernel.rpc import error_of

Watch = grpc.aio.UnaryStreamCall[Any, Any]


async def watching(health: Health, **request: int) -> Watch:
    """Return a stream that misses nothing from here on."""
    watch: Watch = health.stub.WatchNotifications(
        pb.WatchNotificationsRequest(**request), metadata=METADATA
    )
    await watch.initial_metadata()
    return watch


async def heard(watch: Watch, number: int) -> list[Notification]:
    """Return the next notifications."""
    found: list[Notification] = []
    async with asyncio.timeout(10):
        while len(found) < number:
            message = await watch.read()
            assert isinstance(message, pb.WatchNotificationsResponse)
            found.append(message.notification)
    return found


def kinds(notifications: list[Notification]) -> list[str]:
    """Return their kinds, as JSON has them."""
    return [kind_name(each.kind) for each in notifications]


@pytest.fixture
async def watch(health: Health) -> AsyncIterator[Watch]:
    """Return a stream of notifications."""
    made = await watching(health)
    yield made
    made.cancel()


async def test_failure_and_recovery_are_told(health: Health, watch: Watch) -> None:
    """Of an instance and of its keys, in a sentence and in data."""
    await report(health, outcome(ERROR_REASON_PROVIDER_ERROR, count=3))
    await report(health, outcome())
    await report(health, outcome(ERROR_REASON_INVALID_API_KEY))
    await report(health, outcome())
    found = await heard(watch, 8)
    assert kinds(found) == [
        *("ProviderUnhealthy", "ModelAvailabilityChanged"),
        *("ProviderRecovered", "ModelAvailabilityChanged"),
        *("ProviderUnhealthy", "KeyInvalid", "ModelAvailabilityChanged"),
        "ProviderRecovered",
    ]
    unhealthy, _, _, _, _, refused, away, _ = found
    assert (unhealthy.provider_id, unhealthy.provider_name) == (1, "OpenAI Production")
    assert unhealthy.provider.status == HEALTH_STATUS_UNHEALTHY
    assert unhealthy.provider.last_error == "what failed"
    assert unhealthy.message == "Provider OpenAI Production is unhealthy: what failed"
    assert unhealthy.occurred_at.seconds == int(NOW)
    assert (refused.key.key_id, refused.key.status) == ("key_1", KEY_STATUS_INVALID_CREDENTIALS)
    assert (away.model.model_alias, away.model.is_available) == ("fast", False)
    numbers = [each.id for each in found]
    assert numbers == sorted(set(numbers))


async def test_a_circuit_is_told_when_it_opens_and_when_it_closes(
    health: Health, watch: Watch
) -> None:
    """And not of each probe in between."""

    async def circuit(*states: CircuitState.ValueType) -> None:
        circuits = [RouterCircuit(provider_id=1, state=state) for state in states]
        request = internal.ReportOutcomesRequest(router_id="r1", circuits=circuits)
        await health.outcomes.ReportOutcomes(request, metadata=SERVICE_METADATA)

    opened_and_probed = (CIRCUIT_STATE_OPEN, CIRCUIT_STATE_HALF_OPEN, CIRCUIT_STATE_OPEN)
    for state in (*opened_and_probed, CIRCUIT_STATE_HALF_OPEN):
        await circuit(state)
    await circuit()
    assert kinds(await heard(watch, 2)) == ["CircuitOpened", "CircuitClosed"]


async def test_a_limit_that_is_nearly_used_up_is_told_once(
    bench: Bench, health: Health, watch: Watch
) -> None:
    """From 80 % on; again only after it was below, and some minutes later."""

    async def seen(remaining: int) -> None:
        made = outcome()
        made.rate_limits.requests_per_minute.CopyFrom(RateLimit(limit=100, remaining=remaining))
        made.ended_at.seconds = int(bench.clock.now)
        await report(health, made)

    for remaining in (50, 21, 20, 10, 0, 50, 5):
        await seen(remaining)
    bench.clock.now += 301
    for remaining in (50, 3):
        await seen(remaining)
    first, second = await heard(watch, 2)
    assert kinds([first, second]) == ["RateLimitNear", "RateLimitNear"]
    limit = first.rate_limit
    assert (
        limit.key_id,
        limit.limit_name,
        limit.limit,
        limit.remaining,
        limit.percentage_used,
    ) == (
        *("key_1", "requests", 100, 20),
        80.0,
    )
    assert second.rate_limit.remaining == 3
    assert second.message == "The key key_1 has used 97 % of its limit of requests"


async def test_changes_of_mappings_are_told(bench: Bench, watch: Watch) -> None:
    """What was there when Health started is no change."""
    changed = configuration(bench.upstream.url, key(1))
    changed.mappings[0].actual_model_name = "gpt-5"
    more = ModelMapping(
        id=2, model_alias="smart", provider_id=1, actual_model_name="o9", is_enabled=True
    )
    changed.mappings.append(more)
    bench.registry.replace(changed)
    changes = await heard(watch, 2)
    fewer = configuration(bench.upstream.url, key(1))
    fewer.mappings[0].CopyFrom(changed.mappings[0])
    bench.registry.replace(fewer)
    changes += await heard(watch, 1)
    assert kinds(changes) == ["MappingChanged"] * 3
    data = [(m.mapping.mapping_id, m.mapping.model_alias, m.mapping.change_type) for m in changes]
    assert data == [
        (1, "fast", MAPPING_CHANGE_UPDATED),
        (2, "smart", MAPPING_CHANGE_CREATED),
        (2, "smart", MAPPING_CHANGE_DELETED),
    ]
    assert {m.provider_name for m in changes} == {"OpenAI Production"}


async def test_a_watcher_that_comes_back_misses_nothing(health: Health, watch: Watch) -> None:
    """It says what it had last, in the field or as browsers do, and gets what came after."""
    for words in ("one", "two", "three"):
        await announce(health, words)
    one, _, _ = await heard(watch, 3)
    for request in ({"after_id": one.id}, {"last_event_id": one.id}):
        again = await watching(health, **request)
        assert [each.message for each in await heard(again, 2)] == ["two", "three"]
        again.cancel()
    fresh = await watching(health)
    await announce(health, "four")
    assert [each.message for each in await heard(fresh, 1)] == ["four"]
    fresh.cancel()


async def announce(health: Health, message: str, category: str = "") -> Notification:
    """Say something to all administrators."""
    request = pb.AnnounceRequest(message=message, category=category)
    return (await health.stub.Announce(request, metadata=METADATA)).notification


async def test_announcements_are_bounded(health: Health) -> None:
    """And have a category in any case."""
    assert (await announce(health, "hello")).announcement.category == "general"
    for message, category in ((" ", ""), ("x" * 1001, ""), ("x", "y" * 101)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await announce(health, message, category)
        assert error_of(refused.value, "health").reason == "INVALID_REQUEST"


async def test_what_is_told_is_logged(health: Health) -> None:
    """One line each, for those who collect logs and nothing else."""
    with capture_logs() as logs:
        await report(health, outcome(ERROR_REASON_PROVIDER_ERROR, count=3))
    lines = [
        (each["kind"], each["provider_id"]) for each in logs if each["event"] == "notification"
    ]
    assert lines == [("ProviderUnhealthy", 1), ("ModelAvailabilityChanged", 0)]
