"""What routers report, and what they are told."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.integration.health.conftest import (
    METADATA,
    NOW,
    SERVICE_METADATA,
    Bench,
    Health,
    configuration,
    key,
)

from conduit.internal.v1 import outcome_service_pb2 as pb
from conduit.internal.v1.outcome_pb2 import KeyCheck, Outcome, RouterCircuit
from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.error_reason_pb2 import (
    ERROR_REASON_INVALID_API_KEY,
    ERROR_REASON_PROVIDER_ERROR,
    ERROR_REASON_UNSPECIFIED,
)
from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_OPEN,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
)
from conduit_health import outcome_service
from conduit_health.publish import subscribers
from conduit_kernel.rpc import error_of

CIRCUIT = RouterCircuit(provider_id=1, state=CIRCUIT_STATE_OPEN)


def outcome(**fields: object) -> Outcome:
    """Return what a router saw just now."""
    given: dict[str, object] = {
        "provider_id": 1,
        "key_id": "key_1",
        "ended_at": Timestamp(seconds=int(NOW)),
        **fields,
    }
    return Outcome(**given)  # type: ignore[arg-type] # checked by protobuf


async def report(health: Health, *outcomes: Outcome, **fields: Any) -> None:  # noqa: ANN401 # of the request
    """Report what a router saw."""
    request = pb.ReportOutcomesRequest(outcomes=outcomes, **fields)
    await health.outcomes.ReportOutcomes(request, metadata=SERVICE_METADATA)


async def read(call: Any) -> pb.WatchHealthResponse:  # noqa: ANN401 # a call
    """Return the next message."""
    async with asyncio.timeout(10):
        message = await call.read()
    assert isinstance(message, pb.WatchHealthResponse)
    return message


async def test_outcomes_make_an_instances_health(health: Health) -> None:
    """Several alike come as one with a count; those of what is gone do no harm."""
    failed = outcome(reason=ERROR_REASON_PROVIDER_ERROR, count=3, detail="is away")
    await report(health, failed, outcome(provider_id=9), outcome(provider_id=-1))
    found = await health.get()
    assert (found.status, found.last_error) == (HEALTH_STATUS_UNHEALTHY, "is away")
    await report(health, outcome(response_time_ms=5))
    assert (await health.get()).status == HEALTH_STATUS_HEALTHY


async def test_circuits_are_the_last_word_of_each_router(health: Health) -> None:
    """A report without a router's name has none; one without circuits has closed them."""
    circuit = [CIRCUIT]
    await report(health, circuits=circuit)
    assert (await health.get()).circuit == CIRCUIT_STATE_CLOSED
    await report(health, circuits=circuit, router_id="r1")
    assert (await health.get()).circuit == CIRCUIT_STATE_OPEN
    await report(health, router_id="r1")
    assert (await health.get()).circuit == CIRCUIT_STATE_CLOSED


async def test_a_report_has_bounds(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of outcomes as of circuits; nothing of it is taken."""
    monkeypatch.setattr(outcome_service, "MAX_ENTRIES", 2)
    failed = outcome(reason=ERROR_REASON_PROVIDER_ERROR)
    for field, outcomes, circuits in (
        ("outcomes", [failed] * 3, []),
        ("circuits", [failed] * 2, [CIRCUIT] * 3),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            await report(health, *outcomes, circuits=circuits, router_id="r1")
        assert error_of(caught.value, "health").metadata["field"] == field
    assert (await health.check()).status == HEALTH_STATUS_HEALTHY


async def test_only_our_own_services_report(health: Health) -> None:
    """An operator's key is none."""
    with pytest.raises(grpc.RpcError) as caught:
        await health.outcomes.ReportOutcomes(pb.ReportOutcomesRequest(), metadata=METADATA)
    assert error_of(caught.value, "health").reason == "SERVICE_TOKEN_INVALID"


async def test_a_watcher_has_all_first_and_then_what_changes(bench: Bench, health: Health) -> None:
    """And all again when an instance is gone, which no change could say."""
    watch = health.outcomes.WatchHealth(pb.WatchHealthRequest(), metadata=SERVICE_METADATA)
    first = await read(watch)
    assert (first.is_complete, [each.provider_id for each in first.providers]) == (True, [1])
    await report(health, outcome(reason=ERROR_REASON_PROVIDER_ERROR, count=3))
    change = await read(watch)
    assert not change.is_complete
    assert [each.status for each in change.providers] == [HEALTH_STATUS_UNHEALTHY]
    bench.registry.replace(Snapshot(epoch="test"))
    gone = await read(watch)
    assert (gone.is_complete, list(gone.providers)) == (True, [])
    bench.registry.replace(configuration(bench.upstream.url, key(1)))
    back = await read(watch)
    assert (back.is_complete, len(back.providers)) == (False, 1)
    watch.cancel()


async def test_silence_is_broken_by_signs_of_life(
    health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They tell of nobody, and are not complete."""
    monkeypatch.setattr(subscribers, "SIGN_OF_LIFE_SECONDS", 0.01)
    watch = health.outcomes.WatchHealth(pb.WatchHealthRequest(), metadata=SERVICE_METADATA)
    await read(watch)
    assert await read(watch) == pb.WatchHealthResponse()
    watch.cancel()


async def test_a_key_that_calls_were_refused_for_is_checked_and_all_hear_of_it(
    bench: Bench, health: Health
) -> None:
    """By one request; it began after what it answers."""
    watch = health.outcomes.WatchHealth(pb.WatchHealthRequest(), metadata=SERVICE_METADATA)
    await read(watch)
    for status, reason in (
        (200, ERROR_REASON_UNSPECIFIED),
        (401, ERROR_REASON_INVALID_API_KEY),
    ):
        bench.clock.now += 60
        refused_at = Timestamp(seconds=int(bench.clock.now))
        bench.upstream.status = status
        bench.upstream.asked.clear()
        refused = outcome(reason=ERROR_REASON_INVALID_API_KEY, ended_at=refused_at)
        await report(health, *[refused] * 3)
        check = await key_check(watch, refused_at)
        assert (check.key_id, check.reason, check.is_test) == ("key_1", reason, False)
        assert bool(check.detail) == bool(reason)
        assert len(bench.upstream.asked) == 1
    watch.cancel()


async def key_check(watch: Any, at: Timestamp) -> KeyCheck:  # noqa: ANN401 # a call
    """Return the check of the one key that began at a time."""
    while True:
        for check in (await read(watch)).key_checks:
            if check.began_at == at:
                return check


async def test_operators_tests_are_told_to_all_routers(bench: Bench, health: Health) -> None:
    """One that begins to watch later hears of it, too; the instance works again."""
    await report(health, outcome(reason=ERROR_REASON_PROVIDER_ERROR, count=3))
    began = Timestamp(seconds=int(NOW))
    test = KeyCheck(provider_id=1, key_id="key_1", began_at=began, is_test=True)
    await report(health, key_checks=[test])
    watch = health.outcomes.WatchHealth(pb.WatchHealthRequest(), metadata=SERVICE_METADATA)
    assert list((await read(watch)).key_checks) == [test]
    assert (await health.get()).status == HEALTH_STATUS_HEALTHY
    assert bench.upstream.asked == []
    watch.cancel()
