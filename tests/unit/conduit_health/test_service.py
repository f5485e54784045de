"""What operators ask of Health."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from tests.integration.health.conftest import METADATA, NOW, Bench, Health, configuration, key

from conduit.v1 import provider_health_requests_pb2 as pb
from conduit.v1.provider_health_pb2 import HEALTH_STATUS_HEALTHY, HEALTH_STATUS_UNHEALTHY
from conduit.v1.provider_pb2 import Provider
from conduit_health.history.recorder import HistoryPoint
from conduit_health.history.store import HistoryStore
from conduit_health.state.provider_config import USUAL_POLICY
from conduit_kernel.database import database_url, make_engine
from conduit_kernel.errors import ConduitError
from conduit_kernel.rpc import error_of

MINUTE = 60


async def ask(health: Health, request: Message) -> Any:  # noqa: ANN401 # the answer's type follows the request's
    """Return the answer to a request; the RPC has the request's name."""
    name = type(request).__name__.removesuffix("Request")
    return await getattr(health.stub, name)(request, metadata=METADATA)


async def refused(health: Health, request: Message) -> ConduitError:
    """Return the error that a request gets."""
    with pytest.raises(grpc.RpcError) as caught:
        await ask(health, request)
    return error_of(caught.value, "health")


async def test_health_is_asked_for_when_nobody_has_for_a_while(
    bench: Bench, health: Health
) -> None:
    """And then told as it was seen, until it is old; a check asks each time."""
    get = pb.GetProviderHealthRequest(provider_id=1)
    for _ in range(2):
        assert (await ask(health, get)).health.status == HEALTH_STATUS_HEALTHY
    assert len(bench.upstream.asked) == 1
    await ask(health, pb.CheckProviderRequest(provider_id=1))
    assert len(bench.upstream.asked) == 2
    bench.clock.now += USUAL_POLICY.interval_seconds + 1
    await ask(health, get)
    assert len(bench.upstream.asked) >= 3


@pytest.mark.parametrize(
    "request_",
    [
        pb.GetProviderHealthRequest(provider_id=9),
        pb.CheckProviderRequest(provider_id=9),
        pb.ListHealthHistoryRequest(provider_id=9),
        pb.GetRateLimitsRequest(provider_id=9),
        pb.GetRateLimitsRequest(provider_id=-(2**63)),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_instance_that_is_not_there_is_not_found(
    health: Health, request_: Message
) -> None:
    """Whatever is asked of it."""
    assert (await refused(health, request_)).reason == "PROVIDER_NOT_FOUND"


async def test_all_instances_are_listed_in_pages_without_being_asked(
    bench: Bench, health: Health
) -> None:
    """In order of id."""
    snapshot = configuration(bench.upstream.url, key(1))
    snapshot.providers.extend(Provider(id=number, name=f"p{number}") for number in (3, 2))
    revision = bench.registry.replace(snapshot)
    assert revision > 1
    request = pb.ListProviderHealthRequest(page_size=2)
    while len((page := await ask(health, request)).providers) < 2:
        pass
    assert [each.provider_id for each in page.providers] == [1, 2]
    request.page_token = page.next_page_token
    last = await ask(health, request)
    assert ([each.provider_id for each in last.providers], last.next_page_token) == ([3], "")
    assert bench.upstream.asked == []


async def test_history_is_that_of_some_hours_with_its_uptime(bench: Bench, health: Health) -> None:
    """What was seen just now is in it."""
    await health.check()
    bench.clock.now += 2 * MINUTE
    bench.upstream.status = 500
    await health.check()
    request = pb.ListHealthHistoryRequest(provider_id=1)
    answer = await ask(health, request)
    assert (answer.hours, answer.provider_name) == (24, "OpenAI Production")
    assert [each.status for each in answer.history] == [
        HEALTH_STATUS_HEALTHY,
        HEALTH_STATUS_UNHEALTHY,
    ]
    assert {each.source for each in answer.history} == {"probe"}
    assert answer.uptime_percentage == 50
    bench.clock.now = NOW + 3600 + MINUTE
    request.hours = 1
    assert len((await ask(health, request)).history) == 1
    bench.clock.now += 3600 * 30
    later = await ask(health, request)
    assert not later.HasField("uptime_percentage")


async def test_history_tells_how_long_answers_took(bench: Bench, health: Health) -> None:
    """Of the whole time, not of the page; by the nearest rank, and unset where none is known."""
    request = pb.ListHealthHistoryRequest(provider_id=1, page_size=1)
    unknown = await ask(health, request)
    assert not unknown.HasField("response_time_p50_ms")
    engine = make_engine(database_url(bench.settings, "health"))
    await HistoryStore(engine).add(
        [
            HistoryPoint(
                1, bench.clock.now - n, HEALTH_STATUS_HEALTHY, n or None, "", is_probe=False
            )
            for n in range(101)
        ]
    )
    await engine.dispose()
    answer = await ask(health, request)
    assert len(answer.history) == 1
    found = (
        answer.response_time_p50_ms,
        answer.response_time_p95_ms,
        answer.response_time_p99_ms,
    )
    assert found == (50, 95, 99)


async def test_history_comes_in_pages_of_one_question(bench: Bench, health: Health) -> None:
    """Oldest first; a token of other hours is none of these."""
    for _ in range(3):
        await health.check()
        bench.clock.now += 2 * MINUTE
    request = pb.ListHealthHistoryRequest(provider_id=1, page_size=2)
    page = await ask(health, request)
    request.page_token = page.next_page_token
    rest = await ask(health, request)
    moments = [each.recorded_at.seconds for each in (*page.history, *rest.history)]
    assert moments == [NOW, NOW + 2 * MINUTE, NOW + 4 * MINUTE]
    request.hours = 5
    assert (await refused(health, request)).metadata["field"] == "pageToken"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListHealthHistoryRequest(provider_id=1, hours=-1), "hours"),
        (pb.ListHealthHistoryRequest(provider_id=1, hours=721), "hours"),
        (pb.ListHealthHistoryRequest(provider_id=1, page_size=10_001), "pageSize"),
        (pb.ListHealthHistoryRequest(provider_id=1, page_token="x"), "pageToken"),  # no password
        (pb.ListProviderHealthRequest(page_size=1_001), "pageSize"),
        (pb.GetRateLimitsRequest(provider_id=1, page_token="x"), "pageToken"),  # no password
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    health: Health, request_: Message, field: str
) -> None:
    """The error names the field."""
    error = await refused(health, request_)
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)


async def test_limits_are_told_by_key_in_pages(bench: Bench, health: Health) -> None:
    """In order of the keys' numbers, not of their texts."""
    keys = [key(number) for number in (10, 9, 1)]
    bench.registry.replace(configuration(bench.upstream.url, *keys))
    request = pb.GetRateLimitsRequest(provider_id=1, page_size=2)
    assert not (await ask(health, request)).rate_limits
    while len((await health.check()).key_credentials) < 3:
        pass
    page = await ask(health, request)
    assert [each.key_id for each in page.rate_limits] == ["key_1", "key_9"]
    assert page.rate_limits[0].requests_per_minute.remaining == 3420
    request.page_token = page.next_page_token
    assert [each.key_id for each in (await ask(health, request)).rate_limits] == ["key_10"]
