"""What a router does beside its calls outlasts faults, and says whether it can be counted on."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2
from structlog.testing import capture_logs
from tests.integration.router.conftest import METADATA, NOWHERE, body, instances
from tests.support.clock import Clock
from tests.support.disk import creates, refuse
from tests.support.router_edge import RouterEdge
from tests.support.scripted_registry import ScriptedRegistry, serve_registry
from tests.support.snapshots import ENCRYPTION_KEY, save_snapshot, virtual_key
from tests.support.waiting import eventually

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import router_requests_pb2 as pb
from conduit_bridge import bootstrap as bridge
from conduit_kernel.background import Background
from conduit_kernel.errors import VirtualKeyDisabled
from conduit_kernel.ids import IdSource
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import Spool
from conduit_router.control_plane.control_plane import ControlPlane
from conduit_router.control_plane.snapshot_file import load_snapshot
from conduit_router.process import RouterProcess
from conduit_router.routing.provider_state import ProviderState
from conduit_router.trail.recent_calls import RecentCalls
from conduit_router.upstream.outcomes import Outcomes

MASTER_KEY = "master"
ROUTER = "conduit.v1.RouterService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def registry(upstream: str) -> AsyncIterator[ScriptedRegistry]:
    """Return a Registry with one instance of the simulator."""
    async with serve_registry(instances(upstream, "good"), ENCRYPTION_KEY) as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path, registry: ScriptedRegistry) -> Settings:
    """Return settings with that Registry, and nobody else."""
    return Settings(
        data_dir=tmp_path,
        master_key=MASTER_KEY,
        encryption_key=ENCRYPTION_KEY,
        http_port=0,
        grpc_port=0,
        allow_private_addresses=True,
        targets={
            "registry": f"127.0.0.1:{registry.port}",
            "health": NOWHERE,
            "billing": NOWHERE,
        },
    )


@asynccontextmanager
async def running(settings: Settings, **options: Any) -> AsyncIterator[RouterProcess]:  # noqa: ANN401 # those of `start`
    """Run a router for as long as this lasts."""
    process = await bootstrap.start(settings, load_catalog(), port=0, **options)
    try:
        yield process
    finally:
        await process.drain(0.1)


@pytest.fixture
async def router(settings: Settings) -> AsyncIterator[RouterProcess]:
    """Return a router that has the Registry's configuration."""
    async with running(settings) as process:

        async def is_ready() -> bool:
            return process.stub.is_ready

        await eventually(is_ready)
        yield process


@asynccontextmanager
async def probing(port: int) -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Return what asks a router for its health, as an ordinary probe does."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

        async def status(service: str = ROUTER) -> int:
            return int((await check(health_pb2.HealthCheckRequest(service=service))).status)

        yield status


async def chat(router: RouterProcess) -> None:
    """Have one call made."""
    await RouterEdge(router.stub, MASTER_KEY).Chat(pb.ChatRequest(json=body("gpt")), METADATA)


def disabled(upstream: str) -> Snapshot:
    """Return a configuration whose virtual key does not work any more."""
    changed = instances(upstream, "good")
    del changed.virtual_keys[:]
    changed.virtual_keys.append(virtual_key(is_enabled=False))
    return changed


def is_snapshot(path: object, flags: int, *_: object) -> bool:
    """Return whether the snapshot's file is to be written."""
    return creates(path, flags) and "snapshot" in str(path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
async def test_a_disk_that_refuses_the_snapshot_keeps_no_change_from_being_in_force(
    router: RouterProcess,
    registry: ScriptedRegistry,
    upstream: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    """The first change that is not stored, and those after it; the disk's return mends the rest."""
    path = tmp_path / "router" / "snapshot.binpb"
    with monkeypatch.context() as patch, capture_logs() as logs:
        refused = refuse(patch, "open", code, when=is_snapshot)
        for source in (instances(upstream, "good"), instances(upstream, "good")):
            registry.replace(source)

            async def is_followed(revision: int = source.revision) -> bool:
                return router.revision == revision and len(refused) >= 2

            await eventually(is_followed)
        await chat(router)
        registry.replace(disabled(upstream))

        async def is_refused() -> bool:
            try:
                await chat(router)
            except VirtualKeyDisabled:
                return True
            return False

        await eventually(is_refused)
        # Nobody is sent away for it.
        assert router.problems() == []
    failed = [entry for entry in logs if entry["event"] == "background_failed"]
    assert [(e["loop"], e["reason"]) for e in failed] == [("snapshot_file", os.strerror(code))]

    async def is_stored() -> bool:
        stored = load_snapshot(path)
        return stored is not None and stored.revision == router.revision

    await eventually(is_stored, seconds=20)
    assert list(path.parent.glob("snapshot.*")) == [path]


async def test_a_change_is_stored_when_the_router_stops(
    settings: Settings, registry: ScriptedRegistry, upstream: str, tmp_path: Path
) -> None:
    """Also one that came just before."""
    async with running(settings) as router:

        async def is_ready() -> bool:
            return router.stub.is_ready

        await eventually(is_ready)
        source = disabled(upstream)
        registry.replace(source)

        async def is_followed() -> bool:
            return router.revision == source.revision

        await eventually(is_followed)
    stored = load_snapshot(tmp_path / "router" / "snapshot.binpb")
    assert stored is not None
    assert stored.revision == source.revision


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the calls of the system that wait for the disk and were made by the event loop."""
    found: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def call(*args: object, **options: object) -> object:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                pass
            else:
                found.append(name)
            return real(*args, **options)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "unlink"):
        watch(name)
    yield found
    monkeypatch.undo()


async def test_the_event_loop_waits_for_no_disk(
    settings: Settings, registry: ScriptedRegistry, upstream: str, watched: list[str]
) -> None:
    """From the first configuration over a call and a change to the end."""
    async with running(settings) as router:
        serving = await bridge.start(
            settings, router=router.stub, background=router.background, worker="one"
        )

        async def is_stored() -> bool:
            files = list(settings.data_dir.glob("metrics/one.json"))
            return bool(files) and (settings.data_dir / "router" / "snapshot.binpb").exists()

        await eventually(is_stored)
        await chat(router)
        registry.replace(instances(upstream, "good"))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}") as client:
            assert (await client.get("/metrics")).is_success
        await serving.drain(0.1)
    assert watched == []
    assert list(settings.data_dir.glob("metrics/*")) == []


async def test_charges_that_do_not_reach_the_disk_make_a_router_unready(
    router: RouterProcess, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over gRPC and over HTTP, with the reason, until the disk takes them; calls go on."""
    serving = await bridge.start(settings, router=router.stub, background=router.background)
    url = f"http://127.0.0.1:{serving.port}"
    async with probing(router.port) as status, httpx.AsyncClient(base_url=url) as client:
        assert await status() == SERVING
        assert (await client.get("/health/ready")).status_code == 200
        with monkeypatch.context() as patch, capture_logs() as logs:
            refuse(patch, "fsync", errno.EIO)
            await chat(router)

            async def is_down() -> bool:
                return await status() == NOT_SERVING

            await eventually(is_down)
            answer = await client.get("/health/ready")
            assert answer.status_code == 503
            assert "spool_sync fails: Input/output error" in answer.json()["reasons"]
            text = (await client.get("/metrics")).text
            assert 'conduit_background_failing{loop="spool_sync"} 1.0' in text
            assert await status("") == NOT_SERVING
            await chat(router)
        reasons = [entry["reasons"] for entry in logs if entry["event"] == "not_ready"]
        assert reasons[0] == ["spool_sync fails: Input/output error"]

        async def is_up() -> bool:
            return await status() == SERVING

        await eventually(is_up, seconds=20)
        assert (await client.get("/health/ready")).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'conduit_background_failing{loop="spool_sync"} 0.0' in text
    await serving.drain(0.1)


async def test_a_router_without_configuration_is_not_serving(
    settings: Settings, registry: ScriptedRegistry
) -> None:
    """A bridge that asks it says so, until the configuration arrives."""
    away = replace(settings, targets={**settings.targets, "registry": NOWHERE})
    async with running(away) as router, probing(router.port) as status:
        assert await status() == NOT_SERVING
        assert router.problems() == ["the router has no configuration yet"]
        remote = replace(away, targets={**away.targets, "router": f"127.0.0.1:{router.port}"})
        serving = await bridge.start(remote)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}") as client:
            answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["the router is not serving"]
        await serving.drain(0.1)
    async with running(settings) as router, probing(router.port) as status:

        async def is_up() -> bool:
            return await status() == SERVING

        await eventually(is_up)
    assert registry.port


@pytest.mark.parametrize("damage", ["cut", "unreadable"])
async def test_a_stored_configuration_that_cannot_be_read_is_asked_for_anew(
    settings: Settings, upstream: str, damage: str
) -> None:
    """The router starts without it, and stores what the Registry tells in its place."""
    path = settings.data_dir / "router" / "snapshot.binpb"
    save_snapshot(path, instances(upstream, "good"))
    if damage == "cut":
        os.truncate(path, path.stat().st_size - 3)
    else:
        path.unlink()
        path.mkdir()
    with capture_logs() as logs:
        async with running(settings) as router:

            async def is_ready() -> bool:
                return router.stub.is_ready

            await eventually(is_ready)
            await chat(router)
    assert "snapshot_unreadable" in [entry["event"] for entry in logs]
    assert (load_snapshot(path) is not None) == (damage == "cut")


async def test_a_stored_configuration_that_cannot_be_used_is_forgotten(settings: Settings) -> None:
    """An upgrade may not understand what an earlier version stored; the Registry tells it anew."""
    save_snapshot(settings.data_dir / "router" / "snapshot.binpb", instances("http://x/v1", "good"))
    spool, prices = Spool(settings.data_dir / "router" / "spool"), PriceList()
    control_plane = ControlPlane(
        settings,
        keys=KeyRing.of(settings),
        recorder=ChargeRecorder(spool, prices, IdSource(), lambda: 0.0),
        spool=spool,
        prices=prices,
        provider_state=ProviderState(lambda: 0.0),
        recent=RecentCalls(10),
        outcomes=Outcomes(lambda: 0.0),
        router_id="r1",
        clock=time.time,
        timer=time.monotonic,
    )
    assert control_plane.state.is_known

    async def load() -> None:
        raise KeyError("a bug")

    with capture_logs() as logs:
        await control_plane.load_stored(load)
    assert [entry["event"] for entry in logs] == ["snapshot_unusable"]
    assert not control_plane.state.is_known
    assert not control_plane.state.providers
    await control_plane.close()


async def quiet(_request: object, _context: object) -> AsyncIterator[bytes]:
    """Stream nothing, as long as the caller likes."""
    await asyncio.Event().wait()
    yield b""


@asynccontextmanager
async def serve_quiet() -> AsyncIterator[int]:
    """Serve the watches of Billing and Health, which have nothing to tell; return the port."""
    handler: grpc.RpcMethodHandler[object, bytes] = grpc.unary_stream_rpc_method_handler(quiet)
    server = grpc.aio.server()
    for service, method in (
        ("LedgerService", "WatchPrices"),
        ("OutcomeService", "WatchHealth"),
        ("RequestLookupService", "WatchLookups"),
    ):
        name = f"conduit.internal.v1.{service}"
        handlers = grpc.method_handlers_generic_handler(name, {method: handler})
        server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(None)


async def test_an_idle_router_rests(settings: Settings) -> None:
    """One step in three seconds, with all loops; the first call sets going what it needs."""
    clock = Clock()
    background = Background(sleep=clock.sleep, clock=clock)
    async with serve_quiet() as port:
        targets = {
            **settings.targets,
            "billing": f"127.0.0.1:{port}",
            "health": f"127.0.0.1:{port}",
        }
        async with running(replace(settings, targets=targets), background=background) as router:

            async def is_at_rest() -> bool:
                await clock.advance(1.0)
                return (
                    router.stub.is_ready
                    and (settings.data_dir / "router" / "snapshot.binpb").exists()
                )

            await eventually(is_at_rest)
            await clock.advance(60.0)
            before = {loop.name: loop.steps for loop in background.loops}
            await clock.advance(60.0)
            made = {loop.name: loop.steps - before[loop.name] for loop in background.loops}
            assert sum(made.values()) <= 20, made
            assert made["spool_sync"] == made["outcome_reports"] == made["snapshot_file"] == 0
            await chat(router)

            async def is_at_work() -> bool:
                await clock.advance(1.0)
                return {
                    loop.name
                    for loop in background.loops
                    if loop.steps - before[loop.name] > made[loop.name]
                } >= {"spool_sync", "charge_delivery", "outcome_reports"}

            await eventually(is_at_work)
