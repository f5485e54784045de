"""Checks on demand and by the clock, against a real HTTP upstream."""

import asyncio
import dataclasses
import time

import grpc
import orjson
import pytest
from tests.integration.health.conftest import BAD, GOOD, METADATA, Bench, Health, configuration, key
from tests.integration.health.test_reports import outcome, report
from tests.support.egress_proxy import serve_proxy
from tests.support.waiting import eventually

from conduit.v1 import provider_health_requests_pb2 as pb
from conduit.v1.error_reason_pb2 import ERROR_REASON_INSUFFICIENT_FUNDS
from conduit.v1.provider_health_json import key_rate_limits_to_json, provider_health_to_json
from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    HEALTH_FINDING_FAILED,
    HEALTH_FINDING_OK,
    HEALTH_FINDING_WARNING,
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_DISABLED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    KEY_STATUS_ACTIVE,
    KEY_STATUS_INVALID_CREDENTIALS,
    KEY_STATUS_NO_FUNDS,
    KEY_STATUS_RATE_LIMITED,
    HealthStatus,
    KeyRateLimits,
    RateLimit,
)
from conduit.v1.provider_health_requests_json import (
    get_rate_limits_response_to_json,
    list_health_history_response_to_json,
)
from conduit.v1.provider_pb2 import HealthCheckPolicy
from conduit_health.state.key_state import NO_FUNDS_SECONDS
from conduit_kernel.egress import Egress
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import ProviderNotFound
from conduit_kernel.rpc import error_of
from conduit_kernel.settings import HealthChecks


async def until_status(health: Health, status: HealthStatus.ValueType) -> None:
    """Wait until the instance has a status, without asking it."""

    async def has_it() -> bool:
        return (await health.all())[0].status == status

    await eventually(has_it)


async def check_until_status(health: Health, status: HealthStatus.ValueType) -> None:
    """Ask the instance until it has a status: a changed configuration takes a moment to arrive."""

    async def has_it() -> bool:
        return (await health.check()).status == status

    await eventually(has_it)


async def test_health_has_the_shape_of_the_guide(bench: Bench, health: Health) -> None:
    """A first question asks the provider, and its answer reads as the guide's."""
    document = orjson.loads(orjson.dumps(provider_health_to_json(await health.get())))
    assert document["responseTime"] >= 0
    document["responseTime"] = 250
    document["keyCredentials"][0].pop("lastUsed", None)
    wanted = {
        "providerId": 1,
        "providerName": "OpenAI Production",
        "providerType": "OpenAI",
        "status": "Healthy",
        "lastCheckTime": "2026-11-23T12:00:00Z",
        "responseTime": 250,
        "availableModels": ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo"],
        "healthDetails": {
            "apiConnectivity": "OK",
            "authentication": "OK",
            "rateLimit": "OK",
            "modelAvailability": "OK",
        },
    }
    assert {name: document[name] for name in wanted} == wanted
    (found,) = document["keyCredentials"]
    assert (found["keyId"], found["status"]) == ("key_1", "Active")
    assert found["rateLimitRemaining"] == 3420
    assert bench.upstream.asked == [GOOD]


async def test_rate_limits_have_the_shape_of_the_guide(health: Health) -> None:
    """The limits that the last answer's headers told are there for each key."""
    await health.check()
    answer = await health.stub.GetRateLimits(
        pb.GetRateLimitsRequest(provider_id=1), metadata=METADATA
    )
    resets_at = "2026-11-23T12:01:00Z"
    assert orjson.loads(orjson.dumps(get_rate_limits_response_to_json(answer))) == {
        "providerId": 1,
        "rateLimits": [
            {
                "keyId": "key_1",
                "requestsPerMinute": {"limit": 3500, "remaining": 3420, "resetsAt": resets_at},
                "tokensPerMinute": {"limit": 90000, "remaining": 85400, "resetsAt": resets_at},
            }
        ],
        "nextPageToken": "",
    }


async def test_what_is_not_known_is_null(bench: Bench) -> None:
    """Each member of the guide is there in any case."""
    disabled = configuration(bench.upstream.url, key(1), is_enabled=False)
    bench.registry.replace(disabled)
    async with bench.health() as health:
        document = provider_health_to_json((await health.all())[0])
        keys = document["keyCredentials"]
        assert isinstance(keys, list)
        (found,) = keys
        assert (document["lastCheckTime"], document["responseTime"]) == (None, None)
        assert (found["lastUsed"], found["rateLimitRemaining"]) == (None, None)
        history: pb.ListHealthHistoryResponse = await health.stub.ListHealthHistory(
            pb.ListHealthHistoryRequest(provider_id=1), metadata=METADATA
        )
        assert list_health_history_response_to_json(history)["uptimePercentage"] is None
    limits = KeyRateLimits(key_id="key_1", requests_per_minute=RateLimit(remaining=5))
    assert key_rate_limits_to_json(limits) == {
        "keyId": "key_1",
        "requestsPerMinute": {"limit": None, "remaining": 5, "resetsAt": None},
        "tokensPerMinute": None,
    }


async def test_an_instance_may_have_a_policy_of_its_own(bench: Bench) -> None:
    """How often, how long, how many retries, and after how many failures: each of them."""
    bench.settings = dataclasses.replace(bench.settings, health_checks=HealthChecks(5, 30, 0, 2))
    bench.upstream.status = 500
    async with bench.health() as health:
        assert (await health.check()).status == HEALTH_STATUS_DEGRADED
        assert (await health.check()).status == HEALTH_STATUS_UNHEALTHY
        assert len(bench.upstream.asked) == 2
        changed = configuration(bench.upstream.url, key(1))
        policy = HealthCheckPolicy(
            check_interval_minutes=1, retry_attempts=1, failure_threshold=100
        )
        changed.providers[0].health_check.CopyFrom(policy)
        bench.registry.replace(changed)
        await until_status(health, HEALTH_STATUS_DEGRADED)
        await health.check()
        assert len(bench.upstream.asked) == 4
        bench.upstream.status = 200
        await check_until_status(health, HEALTH_STATUS_HEALTHY)
        asked = len(bench.upstream.asked)
        bench.clock.now += 67

        async def is_asked() -> bool:
            return len(bench.upstream.asked) > asked

        await eventually(is_asked)


async def test_private_addresses_get_no_key_unless_they_are_allowed(bench: Bench) -> None:
    """By the same setting as calls; a name may lead elsewhere than when it was accepted."""
    bench.settings = dataclasses.replace(bench.settings, allow_private_addresses=False)
    async with bench.health() as health:
        found = await health.check()
    assert found.status == HEALTH_STATUS_UNHEALTHY
    assert "no address of 127.0.0.1 may be connected to" in found.last_error
    assert bench.upstream.asked == []


async def test_a_key_that_the_provider_repeats_is_kept_nowhere(bench: Bench) -> None:
    """Neither shown, nor in the history on disk, though it looks like no key."""
    secret = "hunter2/team.key"
    bench.registry.replace(configuration(bench.upstream.url, key(1, secret)))
    bench.upstream.status, bench.upstream.repeats = 500, f"you sent {secret}"
    async with bench.health() as health:
        found = await health.check()
        assert found.last_error.endswith("you sent [redacted]")
        request = pb.ListHealthHistoryRequest(provider_id=1)
        history = await health.stub.ListHealthHistory(request, metadata=METADATA)
        assert history.history
        assert secret not in str((found, history))
    for file in bench.settings.data_dir.rglob("*"):
        assert file.is_dir() or secret.encode() not in file.read_bytes()


async def test_instances_are_checked_by_the_egress_proxy(bench: Bench) -> None:
    """As calls are: what a check says holds for them. A proxy that fails is named."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with serve_proxy() as proxy:
        proxy.known["api.example:80"] = int(bench.upstream.url.split(":")[2].partition("/")[0])
        proxy.misbehaviour = refuse
        bench.registry.replace(configuration("http://api.example/v1", key(1)))
        bench.settings = dataclasses.replace(bench.settings, egress=Egress(http=proxy.proxy))
        async with bench.health() as health:
            assert f"the proxy {proxy.proxy.where}" in (await health.check()).last_error
            proxy.misbehaviour = None
            assert (await health.check()).status == HEALTH_STATUS_HEALTHY
        assert proxy.seen[-1].line == "GET http://api.example/v1/models HTTP/1.1"


async def test_an_unknown_instance_is_not_found(health: Health) -> None:
    """Every question about it is PROVIDER_NOT_FOUND, in the guide's words."""
    for call in (
        health.get(999),
        health.check(999),
        health.stub.GetRateLimits(pb.GetRateLimitsRequest(provider_id=999), metadata=METADATA),
        health.stub.ListHealthHistory(
            pb.ListHealthHistoryRequest(provider_id=999), metadata=METADATA
        ),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            await call
        error = error_of(caught.value, "health")
        assert isinstance(error, ProviderNotFound)
        assert error.message == "Provider with ID 999 not found"


async def test_what_was_seen_lately_is_not_asked_again(bench: Bench, health: Health) -> None:
    """Within five minutes the last finding stands; after them the provider is asked anew."""
    await health.get()
    bench.clock.now += 299
    await health.get()
    assert len(bench.upstream.asked) == 1
    bench.clock.now += 2
    await health.get()
    assert len(bench.upstream.asked) >= 2


async def test_many_who_ask_at_once_share_one_check(bench: Bench, health: Health) -> None:
    """A crowd that asks for a fresh finding costs the provider one request."""
    found = await asyncio.gather(*(health.get() for _ in range(20)))
    assert {each.status for each in found} == {HEALTH_STATUS_HEALTHY}
    assert len(bench.upstream.asked) == 1


async def test_a_provider_that_fails_is_tried_four_times_and_then_unhealthy(
    bench: Bench, health: Health
) -> None:
    """A check retries what may pass three times; three failures in a row make it unhealthy."""
    bench.upstream.status = 503
    found = await health.check()
    assert len(bench.upstream.asked) == 4
    assert found.status == HEALTH_STATUS_UNHEALTHY
    assert found.consecutive_failures == 4
    assert found.health_details.api_connectivity == HEALTH_FINDING_FAILED
    assert "The upstream says 503" in found.last_error


async def test_a_refused_key_is_told_apart_from_its_siblings(bench: Bench, health: Health) -> None:
    """One refused key degrades an instance; the other goes on; no word of the key is repeated."""
    bench.upstream.statuses[BAD] = 401
    bench.registry.replace(configuration(bench.upstream.url, key(1), key(2, BAD)))
    await check_until_status(health, HEALTH_STATUS_DEGRADED)
    found = await health.check()
    assert [each.status for each in found.key_credentials] == [
        KEY_STATUS_ACTIVE,
        KEY_STATUS_INVALID_CREDENTIALS,
    ]
    assert found.health_details.authentication == HEALTH_FINDING_WARNING
    assert BAD not in str(found)
    bench.upstream.statuses[GOOD] = 401
    found = await health.check()
    assert found.status == HEALTH_STATUS_UNHEALTHY
    assert found.health_details.authentication == HEALTH_FINDING_FAILED
    assert found.health_details.api_connectivity == HEALTH_FINDING_OK


async def test_a_new_value_clears_the_name_of_a_key(bench: Bench, health: Health) -> None:
    """A key that was refused is unknown again once its value is replaced, and active once used."""
    bench.upstream.statuses[BAD] = 401
    bench.registry.replace(configuration(bench.upstream.url, key(1, BAD)))
    await check_until_status(health, HEALTH_STATUS_UNHEALTHY)
    bench.registry.replace(configuration(bench.upstream.url, key(1, GOOD)))
    await until_status(health, HEALTH_STATUS_HEALTHY)
    assert (await health.check()).key_credentials[0].status == KEY_STATUS_ACTIVE


async def test_an_instance_whose_keys_are_all_refused_is_found_well_again(
    bench: Bench, health: Health
) -> None:
    """Refused keys are asked as any other, so that nobody need do anything once they are taken."""
    bench.upstream.statuses[BAD] = bench.upstream.statuses[GOOD] = 401
    bench.registry.replace(configuration(bench.upstream.url, key(1), key(2, BAD)))
    await check_until_status(health, HEALTH_STATUS_UNHEALTHY)
    bench.upstream.statuses.clear()
    bench.clock.now += 700  # two intervals, and more
    await until_status(health, HEALTH_STATUS_HEALTHY)
    keys = (await health.all())[0].key_credentials
    assert {each.status for each in keys} == {KEY_STATUS_ACTIVE}


async def test_a_key_that_must_rest_is_active_again_by_the_clock(
    bench: Bench, health: Health
) -> None:
    """After 429 a key rests and is not asked again; when the rest is over it is active."""
    bench.upstream.status = 429
    found = await health.check()
    assert len(bench.upstream.asked) == 1
    assert found.key_credentials[0].status == KEY_STATUS_RATE_LIMITED
    assert found.health_details.rate_limit == HEALTH_FINDING_FAILED
    assert found.status == HEALTH_STATUS_DEGRADED
    bench.clock.now += 31
    await until_status(health, HEALTH_STATUS_HEALTHY)


async def test_a_model_that_is_not_listed_is_a_warning_alone(bench: Bench, health: Health) -> None:
    """Providers serve names that they do not list, so the instance stays healthy."""
    bench.upstream.models = ["something-else"]
    found = await health.check()
    assert found.health_details.model_availability == HEALTH_FINDING_WARNING
    assert found.status == HEALTH_STATUS_HEALTHY


async def test_a_provider_that_refuses_connections_is_unhealthy(
    bench: Bench, health: Health
) -> None:
    """A port where nobody listens is found out within the bound."""
    bench.registry.replace(configuration("http://127.0.0.1:1/v1", key(1)))
    began = time.perf_counter()
    await check_until_status(health, HEALTH_STATUS_UNHEALTHY)
    assert time.perf_counter() - began < 10


async def test_a_disabled_instance_is_not_asked(bench: Bench, health: Health) -> None:
    """Disabled is what the operator said, so nobody needs to find out."""
    bench.registry.replace(configuration(bench.upstream.url, key(1), is_enabled=False))
    await until_status(health, HEALTH_STATUS_DISABLED)
    assert (await health.get()).status == HEALTH_STATUS_DISABLED
    assert (await health.check()).status == HEALTH_STATUS_DISABLED
    assert bench.upstream.asked == []


async def test_instances_are_checked_every_five_minutes(bench: Bench, health: Health) -> None:
    """Without any call or question an instance is asked, first within one interval."""
    began = bench.clock.now

    async def is_asked() -> bool:
        bench.clock.now += 10
        return bool(bench.upstream.asked)

    await eventually(is_asked)
    assert bench.clock.now - began >= 150
    await until_status(health, HEALTH_STATUS_HEALTHY)
    bench.upstream.status = 503
    bench.clock.now += 331
    await until_status(health, HEALTH_STATUS_UNHEALTHY)


async def test_what_does_not_work_is_tried_again_after_a_minute(
    bench: Bench, health: Health
) -> None:
    """Not only after five; and no check opens a circuit, since nobody's calls are held back."""
    bench.upstream.status = 503
    await health.check()
    found = await health.check()
    assert (found.status, found.circuit) == (HEALTH_STATUS_UNHEALTHY, CIRCUIT_STATE_CLOSED)
    bench.upstream.status = 200
    bench.clock.now += 59
    assert (await health.all())[0].status == HEALTH_STATUS_UNHEALTHY
    bench.clock.now += 1
    await until_status(health, HEALTH_STATUS_HEALTHY)


async def test_history_reads_oldest_first(bench: Bench, health: Health) -> None:
    """Changes of status are kept with their time, source and error, in the guide's shape."""
    await health.check()
    bench.clock.now += 10
    await health.check()
    bench.upstream.status = 503
    bench.clock.now += 10
    await health.check()
    answer = await health.stub.ListHealthHistory(
        pb.ListHealthHistoryRequest(provider_id=1, hours=24), metadata=METADATA
    )
    document = orjson.loads(orjson.dumps(list_health_history_response_to_json(answer)))
    assert document["providerId"] == 1
    assert document["providerName"] == "OpenAI Production"
    assert document["hours"] == 24
    assert [(each["timestamp"], each["status"]) for each in document["history"]] == [
        ("2026-11-23T12:00:00Z", "Healthy"),
        ("2026-11-23T12:00:20Z", "Unhealthy"),
    ]
    assert {each["source"] for each in document["history"]} == {"probe"}
    assert document["uptimePercentage"] == 50
    with pytest.raises(grpc.RpcError) as caught:
        await health.stub.ListHealthHistory(
            pb.ListHealthHistoryRequest(provider_id=1, hours=721), metadata=METADATA
        )
    assert isinstance(error_of(caught.value, "health"), InvalidRequest)


async def test_history_comes_in_pages(bench: Bench, health: Health) -> None:
    """Changes of one moment are told apart; the share of good ones is that of the whole time."""
    for status in (200, 503, 200):
        bench.upstream.status = status
        await health.check()
    found, shares, token = [], set(), ""
    while True:
        request = pb.ListHealthHistoryRequest(provider_id=1, page_size=1, page_token=token)
        answer = await health.stub.ListHealthHistory(request, metadata=METADATA)
        found += [each.status for each in answer.history]
        shares.add(answer.uptime_percentage)
        if not (token := answer.next_page_token):
            break
    assert found == [HEALTH_STATUS_HEALTHY, HEALTH_STATUS_UNHEALTHY, HEALTH_STATUS_HEALTHY]
    assert shares == {66.667}


async def test_history_outlives_a_restart(bench: Bench) -> None:
    """What was kept is there after a stop and a start."""
    for expected in (1, 2):
        async with bench.health() as health:
            await health.check()
            answer = await health.stub.ListHealthHistory(
                pb.ListHealthHistoryRequest(provider_id=1), metadata=METADATA
            )
            assert len(answer.history) == expected
        bench.clock.now += 60


async def test_a_list_of_models_is_no_sign_of_funds(bench: Bench, health: Health) -> None:
    """Any account may list them: a key without funds stays so, until a call shows otherwise."""
    await report(health, outcome(ERROR_REASON_INSUFFICIENT_FUNDS))
    found = await health.check()
    assert bench.upstream.asked
    assert found.key_credentials[0].status == KEY_STATUS_NO_FUNDS
    await report(health, outcome())
    assert (await health.get()).key_credentials[0].status == KEY_STATUS_ACTIVE
    await report(health, outcome(ERROR_REASON_INSUFFICIENT_FUNDS))
    bench.clock.now += NO_FUNDS_SECONDS
    # Somebody has to try in the end.
    assert (await health.check()).key_credentials[0].status == KEY_STATUS_ACTIVE
