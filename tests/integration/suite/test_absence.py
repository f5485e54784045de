"""The control plane goes away and comes back: no request fails, no charge is lost or doubled."""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.suite import Suite, running_suite
from tests.support.waiting import eventually

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]}


async def ask(client: httpx.AsyncClient, number: int) -> float:
    """Ask for one answer; return how long it took, in seconds."""
    began = time.perf_counter()
    answer = await client.post(
        "/v1/chat/completions", json=CHAT, headers={"x-request-id": f"req_{number}"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "hello there"
    return time.perf_counter() - began


async def charged(suite: Suite) -> list[str]:
    """Return the request id of every charge that Billing has."""
    found, token = [], ""
    while True:
        page = await suite.call(
            "GET", "/api/usage/charges", params={"pageSize": 1000, "pageToken": token}
        )
        found += [c["requestId"] for c in page["charges"]]
        token = page["nextPageToken"]
        if not token:
            return found


async def test_requests_flow_while_everything_else_is_gone(tmp_path: Path) -> None:
    """300 requests with, 300 without, 300 with the control plane again: 900 charges, once each."""
    async with running_suite(tmp_path) as suite:
        await suite.add_simulator("echo", "echo")
        await suite.call(
            "POST",
            "/api/model-costs",
            {
                "providerId": 1,
                "modelPattern": "echo",
                "inputCostPer1kTokens": 0.001,
                "outputCostPer1kTokens": 0.002,
            },
        )
        await suite.settled()
        async with suite.caller() as client:

            async def phase(first: int) -> float:
                return statistics.median([await ask(client, first + i) for i in range(300)])

            before = await phase(0)
            stopping = asyncio.create_task(suite.stop_control())
            during_stop = await ask(client, 10_000)
            await stopping
            without = await phase(1000)
            await suite.start_control()
            after = await phase(2000)
        # Medians of a noisy machine: what matters is that nothing waits for who is not there.
        assert without < before * 3 + 0.005, (before, without)
        assert after < before * 3 + 0.005
        assert during_stop < 1.0

        async def is_delivered() -> bool:
            return len(await charged(suite)) >= 901

        await eventually(is_delivered, seconds=20)
        await asyncio.sleep(1.2)
        requests = await charged(suite)
        assert len(requests) == 901
        assert len(set(requests)) == 901
        costs = await suite.call("GET", "/api/usage/costs", params={"groupBy": "provider"})
        [group] = costs["costBreakdown"]
        assert group["requests"] == 901


async def test_a_worker_restarts_without_a_control_plane(tmp_path: Path) -> None:
    """The snapshot on disk is enough to serve; charges wait in the spool until Billing is back."""
    async with running_suite(tmp_path) as suite:
        await suite.add_simulator("echo", "echo")
        await suite.settled()
        await suite.stop_control()
        await suite.stop_worker()
        await suite.start_worker()
        async with suite.caller() as client:
            ready = await client.get("/health/ready")
            assert ready.status_code == 200, ready.text
            for number in range(20):
                await ask(client, number)
        await suite.stop_worker()
        await suite.start_control()
        await suite.start_worker()

        async def is_delivered() -> bool:
            return len(await charged(suite)) >= 20

        await eventually(is_delivered, seconds=20)
        assert sorted(await charged(suite)) == sorted(f"req_{i}" for i in range(20))


async def test_changes_reach_the_router_at_once(tmp_path: Path) -> None:
    """Soon after the answer to the change, without a restart."""
    async with running_suite(tmp_path) as suite:
        number = await suite.add_simulator("echo", "echo")
        await suite.settled()
        async with suite.caller() as client:
            await ask(client, 1)
            await suite.call("PUT", f"/api/providers/{number}", {"isEnabled": False})
            began = time.monotonic()

            async def is_off() -> bool:
                answer = await client.post("/v1/chat/completions", json=CHAT)
                return answer.status_code == 503

            await eventually(is_off)
            assert time.monotonic() - began < 3


async def test_a_registry_that_starts_over_is_believed(tmp_path: Path) -> None:
    """Another epoch replaces what the router had."""
    async with running_suite(tmp_path) as suite:
        await suite.add_simulator("echo", "echo")
        await suite.settled()
        await suite.stop_control()
        for path in tmp_path.glob("registry.db*"):
            path.unlink()
        await suite.start_control()

        async def is_empty() -> bool:
            async with suite.caller() as client:
                answer = await client.post("/v1/chat/completions", json=CHAT)
            return answer.status_code == 401

        await eventually(is_empty)


async def test_draining_says_not_serving(tmp_path: Path) -> None:
    """While calls under way are finished, probes hear NOT_SERVING."""
    async with running_suite(tmp_path) as suite:
        await suite.add_simulator("slow", "echo-slow-600ms")
        await suite.settled()
        async with (
            suite.caller() as client,
            grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['registry']}") as channel,
        ):
            probe: Any = health_pb2_grpc.HealthStub(channel)
            watch = probe.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            slow = asyncio.create_task(
                client.post("/v1/chat/completions", json={**CHAT, "model": "slow"})
            )
            await asyncio.sleep(0.1)
            stopping = asyncio.create_task(suite.stop_control())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            await stopping
            assert (await slow).status_code == 200
        await suite.start_control()


async def test_a_change_waits_for_a_service_that_is_starting(tmp_path: Path) -> None:
    """Who sets up a gateway that has just started is not turned away."""
    async with running_suite(tmp_path) as suite:
        await suite.stop_control()

        async def start_late() -> None:
            await asyncio.sleep(0.5)
            await suite.start_control()

        starting = asyncio.create_task(start_late())
        price = {"modelPattern": "m", "inputCostPer1kTokens": 1, "outputCostPer1kTokens": 1}
        made = await suite.call("POST", "/api/model-costs", price)
        assert made["modelPattern"] == "m"
        await starting


async def test_who_listens_waits_for_a_service_that_is_starting(tmp_path: Path) -> None:
    """News are of no less use to those who ask early."""
    async with running_suite(tmp_path) as suite:
        await suite.stop_control()

        async def start_late() -> None:
            await asyncio.sleep(0.5)
            await suite.start_control()

        starting = asyncio.create_task(start_late())
        async with (
            suite.admin() as client,
            client.stream("GET", "/api/notifications") as news,
        ):
            assert news.status_code == 200
        await starting


async def test_a_change_is_refused_when_nobody_comes(tmp_path: Path) -> None:
    """Within seconds, with a clear error."""
    async with running_suite(tmp_path) as suite:
        await suite.stop_control()
        began = time.monotonic()
        async with suite.admin() as client:
            answer = await client.post("/api/virtual-keys", json={"name": "late"})
        assert answer.status_code == 503
        assert answer.json()["code"] == "SERVICE_UNAVAILABLE"
        assert time.monotonic() - began < 10.0
        await suite.start_control()
