"""`/health`, `/metrics` and the rest of what the bridge answers itself."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.bridge.stage import CALLER, MASTER_KEY, ScriptedRouter, until

from conduit.v1.router_service_pb2 import DESCRIPTOR
from conduit_bridge import bootstrap
from conduit_kernel.rpc import RpcServer
from conduit_kernel.settings import Settings


def samples(text: str, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """Return the samples of a name by their labels."""
    return {
        frozenset(sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def labels(**names: str) -> frozenset[tuple[str, str]]:
    """Return labels as `samples` has them."""
    return frozenset(names.items())


CHAT = {"method": "POST", "route": "/v1/chat/completions", "rpc": "Chat"}


async def test_a_bridge_is_ready_when_its_router_is(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """Alive in any case; ready only with a configuration."""
    router.is_ready = False
    assert (await http.get("/health/live")).status_code == 200
    waiting = await http.get("/health/ready")
    assert (waiting.status_code, waiting.json()["status"]) == (503, "not ready")
    assert waiting.json()["reasons"] == ["the router has no configuration yet"]
    router.is_ready = True
    assert (await http.get("/health/ready")).status_code == 200


async def test_a_stopping_bridge_is_not_ready(
    bridge: bootstrap.BridgeProcess, http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """A request under way is finished; whoever asks meanwhile is sent elsewhere."""
    router.hangs = True

    async def under_way() -> bool:
        return bool(router.requests)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(_post_until_told(http))
        await until(under_way)
        draining = group.create_task(bridge.drain(0.5))
        await asyncio.sleep(0.1)
        assert not draining.done()
        # New connections are refused, so a balancer cannot even ask.
        with pytest.raises(httpx.ConnectError):
            await http.get("/health/ready")


async def test_a_bridge_is_not_ready_before_its_drain(
    bridge: bootstrap.BridgeProcess, http: httpx.AsyncClient
) -> None:
    """A balancer hears it while requests are still taken, so that none is lost."""
    bridge.announce_drain()
    told = await http.get("/health/ready")
    assert (told.status_code, told.json()["reasons"]) == (503, ["the bridge is stopping"])
    assert (await http.post("/v1/chat/completions", content=b"{}")).status_code == 200


async def _post_until_told(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/chat/completions", content=b"{}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_readiness_follows_a_remote_router(settings: Settings) -> None:
    """Its health service is asked, and its absence is told."""
    server = RpcServer(name="router", master_key=MASTER_KEY, virtual_keys=lambda _: None)
    server.announce(DESCRIPTOR.services_by_name["RouterService"])
    await server.start("127.0.0.1", 0)
    targets = {**settings.targets, "router": f"127.0.0.1:{server.port}"}
    bridge = await bootstrap.start(replace(settings, targets=targets))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bridge.port}") as http:
        assert (await http.get("/health/ready")).status_code == 200
        await server.drain(0)
        gone = await http.get("/health/ready")
    assert gone.json()["reasons"] == ["the router cannot be reached"]
    await bridge.drain(0.1)


async def test_metrics_count_requests_by_route_and_status(http: httpx.AsyncClient) -> None:
    """Templates, not paths: a million ids are one row."""
    for model in ("a", "b", "gpt-9"):
        await http.get(f"/v1/models/{model}")
    await http.post("/v1/chat/completions", content=b"{}")
    await http.get("/nowhere")
    answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    counts = samples(answer.text, "conduit_http_requests_total")
    get_model = {"method": "GET", "route": "/v1/models/{model=**}", "rpc": "GetModel"}
    assert counts[labels(**get_model, status="200")] == 2
    assert counts[labels(**get_model, status="404")] == 1
    assert counts[labels(**CHAT, status="200")] == 1
    assert counts[labels(method="", route="", rpc="", status="404")] == 1
    seconds = samples(answer.text, "conduit_http_request_seconds_count")
    assert seconds[labels(**get_model)] == 3


async def test_a_scrape_of_one_worker_tells_of_all(
    settings: Settings, router: ScriptedRouter
) -> None:
    """Workers share a port, so nobody can choose which of them answers."""
    workers = [
        await bootstrap.start(settings, router=router, worker=f"worker-{n}") for n in range(3)
    ]
    counts: dict[frozenset[tuple[str, str]], float] = {}
    async with httpx.AsyncClient(headers=CALLER) as http, asyncio.timeout(10):
        for worker in workers:
            await http.post(f"http://127.0.0.1:{worker.port}/v1/chat/completions", content=b"{}")
        # The siblings write what they counted once a second.
        while counts.get(labels(**CHAT, status="200")) != 3:
            text = (await http.get(f"http://127.0.0.1:{workers[0].port}/metrics")).text
            counts = samples(text, "conduit_http_requests_total")
            await asyncio.sleep(0.1)
        await workers[2].drain(0)
        text = (await http.get(f"http://127.0.0.1:{workers[0].port}/metrics")).text
    assert samples(text, "conduit_http_requests_total")[labels(**CHAT, status="200")] == 2
    for worker in workers[:2]:
        await worker.drain(0)
    assert not list((settings.data_dir / "metrics").iterdir())


async def test_the_root_says_where_things_are(http: httpx.AsyncClient) -> None:
    """A person with a browser finds the way."""
    answer = await http.get("/")
    assert "/openapi.json" in answer.text
