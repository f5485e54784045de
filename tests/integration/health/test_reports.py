"""What routers report, and what they and administrators watch."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.integration.health.conftest import (
    METADATA,
    NOW,
    SERVICE_METADATA,
    Bench,
    Health,
    HealthStub,
    OutcomeStub,
    configuration,
    key,
)
from tests.support.waiting import eventually

from conduit.internal.v1 import outcome_service_pb2 as internal
from conduit.internal.v1.outcome_pb2 import Outcome, RouterCircuit, SharedCircuit
from conduit.v1 import provider_health_requests_pb2 as pb
from conduit.v1.error_reason_pb2 import (
    ERROR_REASON_PROVIDER_ERROR,
    ERROR_REASON_PROVIDER_REFUSED,
    ErrorReason,
)
from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    CircuitState,
)
from conduit_health import bootstrap
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.rpc import connect, error_of
from conduit_providers.catalog import load_catalog


def outcome(
    reason: ErrorReason.ValueType | None = None, *, count: int = 1, key_id: str = "key_1"
) -> Outcome:
    """Return what a router saw of instance 1; without a reason, a success."""
    made = Outcome(
        provider_id=1,
        key_id=key_id,
        http_status=503 if reason else 200,
        response_time_ms=120,
        count=count,
    )
    made.ended_at.seconds = int(NOW)
    if reason:
        made.reason = reason
        made.detail = "what failed"
    return made


async def report(health: Health, *outcomes: Outcome) -> None:
    """Report what a router saw."""
    request = internal.ReportOutcomesRequest(outcomes=outcomes)
    await health.outcomes.ReportOutcomes(request, metadata=SERVICE_METADATA)


async def test_calls_alone_tell_how_an_instance_is(bench: Bench, health: Health) -> None:
    """Routers' outcomes make it healthy, degraded and unhealthy; the provider is never asked."""
    received = [
        ([outcome()], HEALTH_STATUS_HEALTHY),
        ([outcome(ERROR_REASON_PROVIDER_ERROR)], HEALTH_STATUS_DEGRADED),
        ([outcome(ERROR_REASON_PROVIDER_ERROR, count=2)], HEALTH_STATUS_UNHEALTHY),
        ([outcome(count=100)], HEALTH_STATUS_HEALTHY),
        ([outcome(ERROR_REASON_PROVIDER_REFUSED, count=50)], HEALTH_STATUS_HEALTHY),
    ]
    for outcomes, status in received:
        await report(health, *outcomes)
        assert (await health.get()).status == status
    found = await health.get()
    assert found.response_time_ms == 120
    assert found.key_credentials[0].last_used.seconds == int(NOW)
    assert bench.upstream.asked == []


async def test_circuits_are_those_of_the_routers(bench: Bench, health: Health) -> None:
    """The most open one is shown, and watched, until its router closes it or falls silent."""

    async def received(router_id: str, *states: CircuitState.ValueType) -> CircuitState.ValueType:
        circuits = [RouterCircuit(provider_id=1, state=state) for state in states]
        request = internal.ReportOutcomesRequest(router_id=router_id, circuits=circuits)
        await health.outcomes.ReportOutcomes(request, metadata=SERVICE_METADATA)
        return (await health.all())[0].circuit

    await report(health, outcome(ERROR_REASON_PROVIDER_ERROR, count=9))
    assert (await health.all())[0].circuit == CIRCUIT_STATE_CLOSED
    assert await received("r1", CIRCUIT_STATE_OPEN) == CIRCUIT_STATE_OPEN
    assert await received("r2", CIRCUIT_STATE_HALF_OPEN) == CIRCUIT_STATE_OPEN
    assert await received("r1") == CIRCUIT_STATE_HALF_OPEN
    watch = health.outcomes.WatchHealth(internal.WatchHealthRequest(), metadata=SERVICE_METADATA)
    first = await watch.read()
    assert isinstance(first, internal.WatchHealthResponse)
    assert first.providers[0].circuit == CIRCUIT_STATE_HALF_OPEN
    bench.clock.now += 31
    following = await watch.read()
    assert isinstance(following, internal.WatchHealthResponse)
    assert following.providers[0].circuit == CIRCUIT_STATE_CLOSED
    watch.cancel()


async def test_routers_hear_of_each_others_circuits_and_whom_to_avoid(health: Health) -> None:
    """A new one in its first message; what one caller's requests meet is told to nobody."""

    async def first(router_id: str) -> internal.WatchHealthResponse:
        request = internal.WatchHealthRequest(router_id=router_id)
        watch = health.outcomes.WatchHealth(request, metadata=SERVICE_METADATA)
        message = await watch.read()
        watch.cancel()
        assert isinstance(message, internal.WatchHealthResponse)
        return message

    circuit = SharedCircuit(provider_id=1, model="gpt")
    circuit.remaining.FromSeconds(60)
    circuit.age.FromSeconds(3)
    request = internal.ReportOutcomesRequest(router_id="r1", shared_circuits=[circuit])
    await health.outcomes.ReportOutcomes(request, metadata=SERVICE_METADATA)
    assert list((await first("r2")).shared_circuits) == [circuit]
    assert list((await first("r1")).shared_circuits) == []
    for caller, avoided in ((7, []), (0, [1])):
        failure = outcome(ERROR_REASON_PROVIDER_ERROR, count=3)
        failure.virtual_key_id = caller
        await report(health, failure)
        assert list((await first("r2")).avoided_provider_ids) == avoided


async def test_outcomes_count_in_the_order_in_which_they_happened(health: Health) -> None:
    """A success before the failures of the same second does not undo them."""
    success, failure = outcome(), outcome(ERROR_REASON_PROVIDER_ERROR, count=3)
    success.ended_at.seconds -= 1
    await report(health, failure, success)
    assert (await health.get()).status == HEALTH_STATUS_UNHEALTHY


async def test_reports_of_what_is_gone_do_no_harm(health: Health) -> None:
    """Unknown instances, keys and reasons are passed over."""
    strange = outcome(key_id="key_77")
    strange.reason = 9999  # type: ignore[assignment] # of a newer version
    gone = outcome()
    gone.provider_id = 12345
    await report(health, strange, gone, outcome())
    assert (await health.get()).status == HEALTH_STATUS_HEALTHY


async def messages(
    watch: grpc.aio.UnaryStreamCall[Any, Any], wanted: int
) -> Sequence[internal.WatchHealthResponse]:
    """Return the next messages that tell something."""
    found: list[internal.WatchHealthResponse] = []
    async with asyncio.timeout(10):
        while len(found) < wanted:
            message = await watch.read()
            assert isinstance(message, internal.WatchHealthResponse)
            if message.providers or message.is_complete:
                found.append(message)
    return found


async def test_a_watcher_has_all_first_and_then_what_changes(bench: Bench, health: Health) -> None:
    """The first message is complete; later ones have what changed; a removal makes it anew."""
    watch = health.outcomes.WatchHealth(internal.WatchHealthRequest(), metadata=SERVICE_METADATA)
    (first,) = await messages(watch, 1)
    assert first.is_complete
    assert [each.provider_id for each in first.providers] == [1]
    await report(health, outcome(ERROR_REASON_PROVIDER_ERROR, count=5))
    (change,) = await messages(watch, 1)
    assert not change.is_complete
    assert change.providers[0].status == HEALTH_STATUS_UNHEALTHY
    emptied = configuration(bench.upstream.url)
    del emptied.providers[:]
    bench.registry.replace(emptied)
    last = change
    while not last.is_complete:
        (last,) = await messages(watch, 1)
    assert list(last.providers) == []
    watch.cancel()


async def ask_probe(health: Health, service: str) -> int:
    """Ask as an ordinary probe does."""
    check = health.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    answer = await check(health_pb2.HealthCheckRequest(service=service))
    assert isinstance(answer, health_pb2.HealthCheckResponse)
    return answer.status


async def until_told(health: Health, service: str, status: int) -> None:
    """Wait until an ordinary probe hears a status; one not heard of yet is an error."""

    async def is_told() -> bool:
        try:
            return await ask_probe(health, service) == status
        except grpc.RpcError:
            return False

    await eventually(is_told)


async def test_ordinary_probes_can_watch_a_provider(health: Health) -> None:
    """The standard protocol answers for the server, the suite's services and each instance."""
    statuses = health_pb2.HealthCheckResponse
    assert await ask_probe(health, "") == statuses.SERVING
    assert await ask_probe(health, "conduit.v1.HealthService") == statuses.SERVING
    await until_told(health, "conduit.v1.RegistryService", statuses.SERVING)
    await until_told(health, "conduit.v1.BillingService", statuses.NOT_SERVING)
    name = "provider/OpenAI Production"
    steps = [
        (None, statuses.UNKNOWN),
        (outcome(), statuses.SERVING),
        (outcome(ERROR_REASON_PROVIDER_ERROR, count=3), statuses.NOT_SERVING),
    ]
    for seen, status in steps:
        if seen is not None:
            await report(health, seen)
        await until_told(health, name, status)


async def test_health_serves_while_there_is_no_registry(bench: Bench) -> None:
    """Without a Registry it starts, says that it knows nothing yet, and drains at once."""
    bench.settings.targets["registry"] = "127.0.0.1:1"  # type: ignore[index] # a dict, in this test
    process = await bootstrap.start(bench.settings, load_catalog(), port=0)
    channel = connect(f"127.0.0.1:{process.port}")
    health = Health(channel, HealthStub(channel), OutcomeStub(channel))
    assert await health.all() == []
    with pytest.raises(grpc.RpcError) as caught:
        await health.get()
    assert isinstance(error_of(caught.value, "health"), ServiceUnavailable)
    watch = health.outcomes.WatchHealth(internal.WatchHealthRequest(), metadata=SERVICE_METADATA)
    await watch.read()
    began = time.perf_counter()
    await process.drain()
    assert time.perf_counter() - began < 2
    assert await watch.read() is grpc.aio.EOF
    await channel.close()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Return a PostgreSQL database to the test that asks for one."""
    if "postgres_url" in request.fixturenames:
        url: str = request.getfixturevalue("postgres_url")
        return url
    return ""


async def test_history_is_kept_on_postgresql(
    postgres_url: str, bench: Bench, health: Health
) -> None:
    """The same on the database of clusters."""
    assert bench.settings.database_url == postgres_url
    await report(health, outcome())
    bench.registry.replace(configuration(bench.upstream.url, key(1)))
    answer = await health.stub.ListHealthHistory(
        pb.ListHealthHistoryRequest(provider_id=1), metadata=METADATA
    )
    assert [each.status for each in answer.history] == [HEALTH_STATUS_HEALTHY]
