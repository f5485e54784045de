"""Builds a router: the only place here that makes concrete things."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from prometheus_client.registry import Collector

from conduit_kernel.addresses import is_public
from conduit_kernel.background import Background
from conduit_kernel.http import (
    AllowAddress,
    ClientLimits,
    HttpClient,
    IsolatedResolver,
    SpillSpace,
)
from conduit_kernel.ids import IdSource
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.rpc import RpcServer
from conduit_kernel.rpc.rpc_metrics import RpcMetrics
from conduit_kernel.rpc.server import MAX_LARGE_MESSAGE_BYTES
from conduit_kernel.settings import Settings, environment
from conduit_kernel.telemetry.setup import running
from conduit_providers.auth.secret_files import SecretFiles
from conduit_providers.catalog import Catalog
from conduit_providers.sending import Sender
from conduit_router.accounting.backlog import Backlog
from conduit_router.accounting.call_metrics import CallMetrics
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import Spool
from conduit_router.accounting.spool_metrics import SpoolMetrics
from conduit_router.batches.remote.owner import RemoteParts
from conduit_router.batches.run import RunParts
from conduit_router.batches.runner import BatchRunner
from conduit_router.caching.answers import AnswerCache
from conduit_router.caching.embedding import TextEmbedder
from conduit_router.caching.metrics import CacheMetrics
from conduit_router.calls.media import MediaFetcher
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.stream_hold import StreamHold
from conduit_router.context import CallCaps
from conduit_router.control_plane.control_plane import ControlPlane
from conduit_router.guardrails.services import MAX_ANSWER_BYTES, JudgeServices
from conduit_router.mcp.rpcs import McpRpcs
from conduit_router.process import RouterProcess
from conduit_router.routing.compile import Compiler
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.state_metrics import StateMetrics
from conduit_router.routing.table import TableChange, failure_resets
from conduit_router.routing.updates import TableUpdater
from conduit_router.service import SERVICE, RouterStub, handlers
from conduit_router.sessions.upstream_session import SessionLimits
from conduit_router.trail.attempt_facts import CallObserver
from conduit_router.trail.log_metrics import RequestLogMetrics
from conduit_router.trail.recent_calls import RecentCalls
from conduit_router.upstream.grpc_channels import GrpcChannels
from conduit_router.upstream.outcomes import Outcomes
from conduit_router.upstream.token_refresh import LOOK_SECONDS, TokenRefresher
from conduit_router.upstream.transport import Transport
from conduit_router.virtual_keys import VirtualKeys

# At the same time on one connection: a remote bridge has only one.
MAX_CALLS = 10_000


async def start(
    settings: Settings,
    catalog: Catalog,
    *,
    port: int | None = None,
    with_server: bool = True,
    share_port: bool = False,
    clock: Callable[[], float] = time.time,
    timer: Callable[[], float] = time.monotonic,
    background: Background | None = None,
) -> RouterProcess:
    """Start a router: with what the disk knows at once, with what the services tell as it comes.

    - `clock`: seconds since 1970; `timer`: seconds since any moment, for all that lasts.
    - `background`: runs the router's loops, one of its own by default.
    """
    background, keys = background or Background(), KeyRing.of(settings)
    ids, outcomes = IdSource(clock), Outcomes(clock)
    provider_state, prices = ProviderState(timer, settings.breaker), PriceList()
    spool = Spool(settings.data_dir / "router" / "spool")
    backlog = Backlog(spool, refuse_at=settings.max_waiting_charges)
    recorder = ChargeRecorder(spool, prices, ids, clock, backlog=backlog, tells_calls=_is_told())
    client, guarded_client, media_client = clients = _clients(settings)
    channels = GrpcChannels(egress=settings.egress, allow_address=_guard(settings))
    token_refresher = TokenRefresher(clock, Sender(client, guarded_client))
    virtual_keys, recent = VirtualKeys(keys.vault, clock), RecentCalls(settings.recent_requests)
    runtime = CallRuntime(
        transport=Transport(client, guarded_client, token_refresher, timer, channels),
        media=MediaFetcher(media_client),
        state=provider_state,
        recorder=recorder,
        outcomes=outcomes,
        clock=timer,
        wall_clock=clock,
        draw_seed=_seeds(),
        hold=StreamHold(settings.stream_hold_bytes, settings.stream_hold_seconds),
        caps=_caps(settings),
        answers=AnswerCache(timer, settings.cache_bytes, settings.cache_answers),
        observers=call_observers(timer, clock),
    )
    control_plane = ControlPlane(
        settings,
        keys=keys,
        recorder=recorder,
        spool=spool,
        prices=prices,
        provider_state=provider_state,
        outcomes=outcomes,
        recent=recent,
        router_id=ids.next(),
        clock=clock,
        timer=timer,
    )
    runtime.end_listeners = control_plane.end_listeners
    stub = _stub(settings, runtime, virtual_keys, ids, control_plane, senders=clients[:2])
    publish = partial(_publish, runtime, background)
    updater = TableUpdater(
        control_plane.state,
        Compiler(catalog, keys.vault, settings.secret_environment(environment())),
        [publish, virtual_keys.apply, token_refresher.apply, control_plane.apply],
        secret_files=SecretFiles(settings.secret_folders),
        timer=timer,
    )
    await control_plane.load_stored(updater.update)
    serve = partial(_serve, stub, settings, port, control_plane.refusals.note, keys=keys)
    server = await serve(share=share_port) if with_server else None
    control_plane.run(background, on_change=updater.changed.set)
    updater.run(background)
    background.run("token_refresh", token_refresher.refresh_due, every=LOOK_SECONDS)
    return RouterProcess(
        stub=stub,
        server=server,
        background=background,
        control_plane=control_plane,
        token_refresher=token_refresher,
        runtime=runtime,
        connections=[*clients, channels],
        collectors=_collectors(spool, runtime, server, control_plane),
        batches=_batches(settings, runtime, control_plane, stub, virtual_keys, background),
    )


def _is_told() -> bool:
    """Return whether anybody hears of each call."""
    is_logged: bool = structlog.get_logger("calls").bind().is_enabled_for(logging.INFO)
    return is_logged or running() is not None


def call_observers(timer: Callable[[], float], clock: Callable[[], float]) -> list[CallObserver]:
    """Return who sees the attempts of calls: nobody where nothing is exported."""
    telemetry = running()
    if telemetry is None:
        return []
    # Imported where something is exported alone: they need the library.
    from conduit_kernel.telemetry.names import tells_old_names  # noqa: PLC0415
    from conduit_router.trail.attempt_meters import AttemptMeters  # noqa: PLC0415 # as above
    from conduit_router.trail.attempt_notes import AttemptNotes  # noqa: PLC0415 # as above
    from conduit_router.trail.attempt_spans import AttemptSpans  # noqa: PLC0415 # as above

    is_dup, traces, meter = tells_old_names(environment()), telemetry.traces, telemetry.meter
    spans = AttemptSpans(traces.head, traces.writer, tells_old_names=is_dup) if traces else None
    meters = AttemptMeters(meter, tells_old_names=is_dup) if meter else None
    return [AttemptNotes(telemetry.notes, spans, meters, timer, clock)]


def _stub(
    settings: Settings,
    runtime: CallRuntime,
    virtual_keys: VirtualKeys,
    ids: IdSource,
    control_plane: ControlPlane,
    *,
    senders: Sequence[HttpClient],
) -> RouterStub:
    runtime.reserver = control_plane.reserver
    stub = RouterStub(
        runtime,
        virtual_keys,
        ids,
        _upload_space(settings),
        _session_limits(settings),
        find_requests=control_plane.requests.find,
        tasks=control_plane.tasks,
        voices=control_plane.voices,
        usage=control_plane.usage,
        idempotent=control_plane.idempotent,
        responses=control_plane.responses,
        files=control_plane.files,
        batches=control_plane.batches,
        mcp=McpRpcs(runtime, control_plane.state, virtual_keys.vault, senders[1]),
    )
    stub.identify_administrator = control_plane.administrators.identify
    send = Sender(*senders, max_body_bytes=MAX_ANSWER_BYTES)
    runtime.embedder = TextEmbedder(runtime)
    env = settings.secret_environment(environment())
    runtime.judges = JudgeServices(runtime, send, env, ids, runtime.wall_clock)
    return stub


def _batches(  # noqa: PLR0917 # all that batches are worked on with
    settings: Settings,
    runtime: CallRuntime,
    control_plane: ControlPlane,
    stub: RouterStub,
    virtual_keys: VirtualKeys,
    background: Background,
) -> BatchRunner:
    clock, calls = virtual_keys.clock, stub.batch_calls
    remote = RemoteParts.of(runtime, calls, settings.batch_look_seconds)
    owner = virtual_keys.caller_with_id, clock
    parts = RunParts.of(control_plane.files, calls, *owner, settings.batch_calls, remote)
    ids, vault = IdSource(clock), virtual_keys.vault
    runner = BatchRunner(control_plane.batches, parts, vault, ids, control_plane.router_id)
    runner.run(background)
    return runner


def _collectors(
    spool: Spool, runtime: CallRuntime, server: RpcServer | None, control_plane: ControlPlane
) -> list[Collector]:
    request_log = control_plane.request_log
    return [
        SpoolMetrics(spool, runtime.backlog),
        CallMetrics(runtime.recorder),
        StateMetrics(runtime.state, lambda: runtime.table),
        CacheMetrics(runtime.answers),
        *([RpcMetrics([server.rpcs])] if server else ()),
        *([RequestLogMetrics(request_log)] if request_log else ()),
    ]


def _publish(runtime: CallRuntime, background: Background, change: TableChange) -> None:
    runtime.apply(change)
    runtime.state.forget(*failure_resets(change))
    background.changed.set()


def _session_limits(settings: Settings) -> SessionLimits:
    return SessionLimits(
        first_event=settings.session_first_event_seconds,
        opening=settings.session_opening_seconds,
        idle=settings.session_idle_seconds,
        longest=settings.session_seconds,
    )


def _upload_space(settings: Settings) -> SpillSpace:
    folder = settings.data_dir / "router" / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SpillSpace(folder)


def _clients(settings: Settings) -> list[HttpClient]:
    """Return the clients for known hosts, for hosts of the operator, and for hosts of callers."""
    guard = _guard(settings)
    # What callers name is no provider of the operator's, and may not hold theirs up.
    media_guard = None if settings.allow_private_media else is_public
    return [
        HttpClient(egress=settings.egress),
        HttpClient(allow_address=guard, egress=settings.egress),
        # Directly: a proxy would look names up by itself, where nobody judges their addresses.
        HttpClient(resolve=IsolatedResolver(), allow_address=media_guard),
    ]


def _caps(settings: Settings) -> CallCaps:
    calls = settings.max_calls_per_key
    if calls is None:
        # Half of the connections to a provider are left for others.
        calls = ClientLimits().max_connections // 2
    return CallCaps(max(1, settings.max_call_seconds), max(1, settings.max_attempts), calls)


def _guard(settings: Settings) -> AllowAddress | None:
    # A name may lead elsewhere than when the Registry looked it up.
    return None if settings.allow_private_addresses else is_public


async def _serve(
    stub: RouterStub,
    settings: Settings,
    port: int | None,
    on_refused_login: Callable[[str, str], None],
    *,
    keys: KeyRing,
    share: bool,
) -> RpcServer:
    server = RpcServer(
        name="router",
        master_key=settings.master_key,
        service_tokens=keys.service_tokens,
        renew_service_tokens=keys.renewed_tokens,
        max_messages_bytes=settings.max_bodies_bytes,
        tls=settings.tls,
        virtual_keys=stub.identify,
        session_holders=stub.identify_session,
        administrators=stub.identify_administrator,
        on_refused_login=on_refused_login,
        max_message_bytes=MAX_LARGE_MESSAGE_BYTES,
        max_streams=MAX_CALLS,
        share_port=share,
    )
    server.grpc.add_generic_rpc_handlers((handlers(stub),))
    server.announce(SERVICE)
    await server.start(
        settings.grpc_host,
        settings.port("router") if port is None else port,
        problems=stub.problems,
        also_at=settings.socket("router"),
    )
    return server


def _seeds() -> Callable[[], int]:
    draw = random.Random().getrandbits  # noqa: S311 # chooses among equals, guards nothing
    return partial(draw, 64)
