"""Builds a bridge: the only place here that makes concrete things."""

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Protocol

import grpc
import structlog
from grpc_health.v1 import health_pb2
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from conduit.v1.billing_service_pb2_grpc import BillingServiceStub
from conduit.v1.health_service_pb2_grpc import HealthServiceStub
from conduit.v1.http_routes import ROUTES
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_bridge.browsers import browser_endpoints, login_of
from conduit_bridge.cors import Cors
from conduit_bridge.dispatcher import Dispatcher, NotFoundEndpoint
from conduit_bridge.endpoints.assembly import endpoints, report_fields
from conduit_bridge.endpoints.builtin import Readiness, builtin_endpoints
from conduit_bridge.endpoints.unary import Backend, Edge, Endpoint
from conduit_bridge.metrics import Metrics
from conduit_bridge.signalr.endpoints import METHOD as WATCH_METHOD
from conduit_bridge.signalr.endpoints import Hub, hub_endpoints
from conduit_bridge.signalr.feed import NotificationFeed
from conduit_kernel.audit.refused_logins import RefusedLoginReports, reports_to
from conduit_kernel.auth import MASTER_KEY_HEADER, AdministratorResolver, Authorizer
from conduit_kernel.background import Background, reason_of
from conduit_kernel.background_metrics import BackgroundMetrics
from conduit_kernel.exposition import WRITE_SECONDS, Exposition
from conduit_kernel.http import HttpServer, ServerLimits, SpillSpace
from conduit_kernel.http.certificate_renewal import listen
from conduit_kernel.ids import IdSource
from conduit_kernel.loop_lag import LoopLag
from conduit_kernel.process_metrics import ProcessMetrics
from conduit_kernel.rpc import link, service_metadata
from conduit_kernel.rpc.methods import METHODS
from conduit_kernel.settings import Settings
from conduit_kernel.telemetry.setup import server_spans

if TYPE_CHECKING:
    # Imported where somebody logs in alone.
    from conduit_bridge.login.endpoints import Login

    # Imported where something is exported alone.
    from conduit_bridge.traced_requests import TracedRequests

# Above the 30 s that the longest control call, a connectivity test, may take.
CONTROL_SECONDS = 35.0
# The Router bounds its calls itself; this is for one that hangs.
REMOTE_ROUTER_SECONDS = 3600.0
CHECK_SECONDS = 1.0
ROUTER = "conduit.v1.RouterService"


class LocalRouter(Protocol):
    """The Router in this process: the contract's RPCs as methods, and whether it can serve."""

    @property
    def is_ready(self) -> bool:
        """Return whether a configuration is known."""
        ...

    @property
    def maintenance(self) -> str:
        """Return what callers are told of the maintenance under way, empty for none."""
        ...

    def identify(self, authorization: str) -> object:
        """Return the holder of a virtual key. One of the VIRTUAL_KEY errors if there is none."""
        ...

    def identify_session(self, authorization: str) -> object:
        """Return the same, or the holder of a client secret, for a session."""
        ...

    @property
    def identify_administrator(self) -> AdministratorResolver | None:
        """Return what knows administrators by their tokens."""
        ...


class BridgeProcess:
    """A running bridge."""

    # It shows itself what it counts.
    collectors: Sequence[Collector] = ()

    def __init__(
        self,
        *,
        server: HttpServer,
        draining: asyncio.Event,
        stopping: asyncio.Event,
        channels: Sequence[grpc.aio.Channel],
        background: Background,
        refusals: RefusedLoginReports,
        exposition: Exposition,
        login: "Login | None",
    ) -> None:
        """Take what is running."""
        self._login = login
        self._refusals = refusals
        self._server = server
        self._draining = draining
        self._stopping = stopping
        self._channels = channels
        self._background = background
        self._exposition = exposition

    @property
    def port(self) -> int:
        """The HTTP port."""
        return self._server.port

    @property
    def background(self) -> Background:
        """Return its loops."""
        return self._background

    def announce_drain(self) -> None:
        """Say that no more requests should be sent here; they are still taken."""
        self._draining.set()

    async def drain(self, grace_seconds: float) -> None:
        """Say that we are not ready, finish what is under way within the time given, then cut."""
        self.announce_drain()
        self._stopping.set()
        await self._server.drain(grace_seconds)
        await self._background.stop()
        await self._refusals.close()
        if self._login is not None:
            await self._login.close()
        try:
            await self._exposition.close()
        except OSError as error:
            # Whoever is scraped takes it for that of a worker that died.
            log = structlog.get_logger("bridge")
            log.warning("metrics_file_left", reason=reason_of(error))
        for channel in self._channels:
            await channel.close()


async def start(
    settings: Settings,
    *,
    router: LocalRouter | None = None,
    host: str | None = None,
    port: int | None = None,
    reuse_port: bool = False,
    worker: str = "",
    collectors: Sequence[Collector] = (),
    background: Background | None = None,
) -> BridgeProcess:
    """Serve HTTP. OSError if the address cannot be had.

    - `router`: the Router of this process; else the one at `settings.target("router")` is asked.
    - `host`, `port`: in place of those of the settings; port 0 takes a free one.
    - `reuse_port`: listen together with the other workers of this machine, and then
    - `worker`: the name of this worker among them, so that each one's `/metrics` tells of all.
    - `collectors`: what else this process counts, shown at `/metrics`.
    - `background`: the loops of the Router in this process: shown at `/metrics`, and the bridge is
      not ready while a vital one is down.
    """
    traced = _traced()
    channels = {
        name: link(settings, name)
        for name in ("registry", "health", "billing", *(() if router else ("router",)))
    }
    # Not ready comes first, so that whoever sends requests here hears it in time.
    draining, stopping, metrics, own = asyncio.Event(), asyncio.Event(), Metrics(), Background()
    loops = BackgroundMetrics([own, *((background,) if background else ())])
    exposition = _exposition(settings, worker, (metrics, loops, lag := LoopLag(), *collectors))
    readiness = _readiness(router, background, channels.get("router"), draining)
    refusals = reports_to(channels["registry"], service_metadata(settings.service_tokens[0]))
    authorizer = _authorizer(settings, router, refusals.note)
    served = endpoints(
        ROUTES,
        _backends(channels, router),
        metrics,
        _edge(settings, authorizer, stopping, traced, is_alone=router is None),
        uploads=_upload_space(settings),
    )
    hub = _hub(settings, channels["health"], stopping, authorizer)
    login = login_of(
        settings, channels["registry"], refusals.note, clock=time.time, timer=time.monotonic
    )
    edge = Dispatcher(
        [
            *served,
            *hub_endpoints(hub, metrics),
            *browser_endpoints(settings, channels["registry"], login, metrics, time.time),
            *_builtin(metrics, readiness, exposition, router),
        ],
        NotFoundEndpoint(metrics.add("", "")),
        cors=Cors(settings.cors_origins, ("x-request-id", "retry-after", *report_fields())),
        ids=IdSource(time.time),
        clock=time.monotonic,
        log=structlog.get_logger("bridge").bind(),
        max_body_bytes=settings.max_body_bytes,
        on_end=traced.end if traced else None,
    )
    server = _http_server(edge, settings, traced)
    where = settings.host if host is None else host, settings.http_port if port is None else port
    await listen(server, settings.tls, own, *where, reuse_port=reuse_port)
    own.run("hub_notifications", hub.feed.follow)
    refusals.run(own)
    own.run("loop_lag", lag.measure)
    if worker:
        own.run("metrics_file", exposition.write, every=WRITE_SECONDS)
    return BridgeProcess(
        server=server,
        draining=draining,
        stopping=stopping,
        channels=list(channels.values()),
        background=own,
        refusals=refusals,
        exposition=exposition,
        login=login,
    )


def _openapi() -> bytes:
    return files("conduit.v1").joinpath("openapi.json").read_bytes()


def _backends(
    channels: dict[str, grpc.aio.Channel], router: LocalRouter | None
) -> dict[str, Backend]:
    at_router = (
        Backend("router", RouterServiceStub(channels["router"]), REMOTE_ROUTER_SECONDS)
        if router is None
        else Backend("router", router, None, is_local=True)
    )
    registry, health, billing = (channels[name] for name in ("registry", "health", "billing"))
    return {
        "RegistryService": Backend(
            "registry", RegistryServiceStub(registry), CONTROL_SECONDS, registry
        ),
        "HealthService": Backend("health", HealthServiceStub(health), CONTROL_SECONDS, health),
        "BillingService": Backend("billing", BillingServiceStub(billing), CONTROL_SECONDS, billing),
        "RouterService": at_router,
    }


def _hub(
    settings: Settings, health: grpc.aio.Channel, stopping: asyncio.Event, authorizer: Authorizer
) -> Hub:
    stub = HealthServiceStub(health)
    # As a service, it is never taken for somebody who guesses.
    ours = service_metadata(settings.service_tokens[0])
    metadata = ((MASTER_KEY_HEADER, settings.master_key), *ours)
    return Hub(
        feed=NotificationFeed(stub, metadata),
        stub=stub,
        channel=health,
        metadata=metadata,
        authorize=authorizer.bind(WATCH_METHOD),
        stopping=stopping,
        clock=time.time,
        connections=set(),
        # Derived, so that nothing that is signed says anything of the key itself.
        signing_key=hmac.digest(settings.master_key.encode(), b"conduit hub ticket v1", "sha256"),
    )


def _edge(
    settings: Settings,
    authorizer: Authorizer,
    stopping: asyncio.Event,
    traced: "TracedRequests | None",
    *,
    is_alone: bool,
) -> Edge:
    return Edge(
        *(authorizer, stopping, settings.heartbeat_seconds),
        vouched_by=service_metadata(settings.service_tokens[0]),
        knows_administrators=not is_alone,
        has_response_sockets=settings.has_response_sockets,
        propagated=traced.propagated if traced else None,
    )


def _traced() -> "TracedRequests | None":
    spans = server_spans()
    if spans is None:
        return None
    from conduit_bridge.traced_requests import TracedRequests  # noqa: PLC0415 # needs its library

    return TracedRequests(spans)


def _http_server(
    edge: Dispatcher, settings: Settings, traced: "TracedRequests | None"
) -> HttpServer:
    return HttpServer(
        traced.around(edge.handle) if traced else edge.handle,
        limits=ServerLimits(
            body_bytes=settings.max_body_bytes, bodies_bytes=settings.max_bodies_bytes
        ),
        body_limit=edge.body_limit,
        judge_head=edge.judge_head,
        streams_body=edge.streams_body,
        on_error=edge.failed,
        render_refusal=edge.refused,
        proxies=settings.trusted_proxies,
    )


def _authorizer(
    settings: Settings,
    router: LocalRouter | None,
    on_refused_login: Callable[[str, str], None],
) -> Authorizer:
    return Authorizer(
        METHODS,
        master_key=settings.master_key,
        virtual_keys=router.identify if router else None,
        session_holders=router.identify_session if router else None,
        administrators=router.identify_administrator if router else None,
        on_refused_login=on_refused_login,
    )


def _upload_space(settings: Settings) -> SpillSpace:
    folder = settings.data_dir / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SpillSpace(folder)


def _exposition(settings: Settings, worker: str, collectors: Sequence[Collector]) -> Exposition:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    process = ProcessMetrics(worker or "bridge")
    folder = settings.data_dir / "metrics"
    return Exposition(registry, process=process, folder=folder, worker=worker)


def _builtin(
    metrics: Metrics, readiness: Readiness, exposition: Exposition, router: LocalRouter | None
) -> list[Endpoint]:
    return builtin_endpoints(
        metrics,
        readiness=readiness,
        exposition=exposition,
        openapi=_openapi(),
        maintenance=lambda: router.maintenance if router else "",
    )


def _readiness(
    router: LocalRouter | None,
    background: Background | None,
    channel: grpc.aio.Channel | None,
    draining: asyncio.Event,
) -> Readiness:
    async def reasons() -> list[str]:
        if draining.is_set():
            return ["the bridge is stopping"]
        if router is not None and not router.is_ready:
            return ["the router has no configuration yet"]
        if background is not None and (problems := background.problems()):
            return problems
        return await _remote_reasons(channel) if channel else []

    return reasons


async def _remote_reasons(channel: grpc.aio.Channel) -> list[str]:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = await check(health_pb2.HealthCheckRequest(service=ROUTER), timeout=CHECK_SECONDS)
    except grpc.RpcError:
        return ["the router cannot be reached"]
    is_serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return [] if is_serving else ["the router is not serving"]
