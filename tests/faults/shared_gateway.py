"""A gateway that several callers share, edge, router and codecs, in virtual time and one loop.

Its providers do what a request tells them to, as some input makes a real one do; and two have
troubles of their own.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog
from tests.faults.dialect_answers import DIALECT_ANSWERS
from tests.support.scripted_upstream import Act, answer, hang, reset, stream
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    compiled,
    first,
    key,
    mapping,
    provider,
    snapshot,
    virtual_key,
)

from conduit.internal.v1.idempotency_storage_service_pb2 import (
    ClaimIdempotencyKeyResponse,
    IdempotencyClaim,
)
from conduit.v1.router_service_routes import ROUTES
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit_bridge.cors import Cors
from conduit_bridge.dispatcher import Dispatcher, NotFoundEndpoint
from conduit_bridge.endpoints.assembly import endpoints
from conduit_bridge.endpoints.unary import Backend, Edge
from conduit_bridge.metrics import Metrics
from conduit_kernel.auth import Authorizer
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.http import ClientLimits, Exchange, HttpClient, HttpServer, SpillSpace
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc.methods import METHODS
from conduit_kernel.secrets import Vault
from conduit_providers.sending import Sender
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import Spool
from conduit_router.calls.media import MediaFetcher
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallCaps
from conduit_router.idempotency.calls import IdempotentCalls
from conduit_router.idempotency.storage import IdempotencyStorage
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import RoutingTable
from conduit_router.service import RouterStub
from conduit_router.sessions.upstream_session import SessionLimits
from conduit_router.upstream.outcomes import Outcomes
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport import Transport
from conduit_router.virtual_keys import VirtualKeys

# By alias: the instances that serve it, in order.
ALIASES = {"gpt": (1, 2), "solo": (3,), "unwell": (4,), "limited": (5,), "ranked": (6,)}
# These do nothing but what a request tells them.
WELL = (1, 2, 3)
UNWELL, LIMITED = 4, 5
# Serves what the others do not.
RANKING = 6
# The last one fails in each of so many seconds for the first few.
PERIOD_SECONDS, LIMITED_SECONDS = 20.0, 2.0
LATENCY_SECONDS = 0.05
# Of each virtual key; those who behave keep far below them. There is no Billing, so that the router
# counts alone.
LIMITS = UsageLimits(
    requests_per_minute=10_000, tokens_per_minute=10_000_000_000, concurrent_requests=1_000
)
GROUPS = tuple(
    VirtualKeyGroup(id=number, name=f"group-{number}", is_enabled=True, tags=[f"group={number}"])
    for number in (1, 2)
)
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def refuse(status: int, code: str = "", message: str = "as the test says") -> Act:
    """Answer with an error of OpenAI's form."""
    error = {"message": message, "type": code or "error", "code": code or None}
    return answer(orjson.dumps({"error": error}), status)


def _event(delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: %b\n\n" % orjson.dumps({**chunk, "choices": [choice]})


EVENTS = [
    _event({"role": "assistant", "content": "well"}),
    _event({}, "stop"),
    b"data: %b\n\n" % orjson.dumps({"id": "c", "choices": [], "usage": USAGE}),
    b"data: [DONE]\n\n",
]
_TOO_LARGE = (
    "Request too large for m in organization o on tokens per min (TPM): Limit 30000, Requested "
    "400000. The input or output tokens must be reduced in order to run successfully."
)
_TOO_DEAR = (
    "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, "
    "but can only afford 1337."
)
# What an input may bring a provider to.
ACTS: dict[str, Act] = {
    "400": refuse(400, "invalid_request_error"),
    "400-quoting-a-key": refuse(400, "", "Unknown value 'Incorrect API key provided: sk-1'"),
    "400-quoting-money": refuse(400, "", "Unknown value 'credit balance is too low'"),
    "400-context": refuse(400, "context_length_exceeded"),
    "400-policy": refuse(400, "content_policy_violation"),
    "402-fewer-tokens": refuse(402, "", _TOO_DEAR),
    "403-moderated": refuse(403, "", "Your input was flagged by moderation"),
    "403-forbidden": refuse(403, "permission_denied", "You have no access to file 'file-1'"),
    "404-file": refuse(404, "", "No such File object: file-1"),
    "404-not-found": refuse(404, "not_found_error", "Item with id 'x' not found"),
    "413": refuse(413, "", "Too large"),
    "422": refuse(422, "", "model 'x' is not supported here"),
    "429-too-large": refuse(429, "rate_limit_exceeded", _TOO_LARGE),
    "500": refuse(500),
    "502": answer(b"<html>Bad gateway</html>", 502),
    "503": refuse(503),
    "504": refuse(504),
    "529": refuse(529, "overloaded_error"),
    "reset": reset,
    "hang": hang,
    "garbage": answer(b"\x00\x01\x02"),
    "error-in-200": answer(b'{"error":{"message":"x","code":"server_error"}}'),
    "cut": stream(EVENTS[0], is_cut=True),
    "stall": stream(EVENTS[0], is_held=True),
    "malformed": stream(EVENTS[0], b"data: {nope\n\n", b"data: {nope\n\n"),
    "empty": stream(),
}
SESSIONS = tuple(ACTS[name] for name in ("hang", "reset", "500", "503", "400", "garbage"))
_ACT = re.compile(rb"act:([\w-]+)")
# Fails the first time.
_ONCE = re.compile(rb"once:\d+")


class Providers:
    """All instances, on one server: each at a path of its own."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        # What instances do that are not well.
        self.failures = {UNWELL: refuse(503)}
        # When each instance was asked.
        self.asked: list[tuple[float, int]] = []
        # What they were asked for, as their paths end.
        self.paths: set[str] = set()
        self._seen: set[bytes] = set()
        self._sessions = 0

    async def __call__(self, exchange: Exchange) -> None:
        """Serve a request as it asks, or as the instance is."""
        number = int(exchange.path.split("/")[1])
        self.asked.append((self._now(), number))
        self.paths.add(exchange.path.partition("/v1/")[2])
        await asyncio.sleep(LATENCY_SECONDS)
        await self._act_of(exchange, number)(exchange)

    def _act_of(self, exchange: Exchange, number: int) -> Act:
        if number == LIMITED and self._now() % PERIOD_SECONDS < LIMITED_SECONDS:
            return refuse(429, "rate_limit_exceeded", "Slow down")
        if number in self.failures:
            return self.failures[number]
        return self._told(exchange.body) or self._usual(exchange)

    def _told(self, body: bytes) -> Act | None:
        """Return what a request brings its provider to."""
        once = _ONCE.search(body)
        if once is not None and once[0] not in self._seen:
            self._seen.add(once[0])
            return refuse(503)
        told = _ACT.search(body)
        return None if told is None else ACTS.get(told[1].decode())

    def _usual(self, exchange: Exchange) -> Act:
        if exchange.path.endswith("/responses"):
            return _respond
        if b'"stream":true' in exchange.body:
            return stream(*EVENTS)
        if "/realtime" in exchange.path or "/live/" in exchange.path:
            # Nobody who behaves opens a session here: in each way in which one can fail.
            self._sessions += 1
            return SESSIONS[self._sessions % len(SESSIONS)]
        return _say if exchange.path.endswith("/speech") else answer(_whole(exchange.path))


async def _respond(exchange: Exchange) -> None:
    said = DIALECT_ANSWERS["/responses"]
    is_stream = b'"stream":true' in exchange.body
    await (stream(*said.pieces) if is_stream else answer(said.whole))(exchange)


async def _say(exchange: Exchange) -> None:
    exchange.respond(200, [(b"content-type", b"audio/mpeg")], b"ID3 well")


def _whole(path: str) -> bytes:
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        return orjson.dumps({"object": "list", "model": "m", "data": data, "usage": USAGE})
    if "/images/" in path:
        return orjson.dumps({"created": 1, "data": [{"b64_json": "aGk="}]})
    if "/audio/" in path:
        return orjson.dumps({"text": "well"})
    if path.endswith("/rerank"):
        results = [{"index": 0, "relevance_score": 0.5, "document": {"text": "well"}}]
        return orjson.dumps({"id": "r", "model": "m", "usage": USAGE, "results": results})
    return WHOLE


def _well() -> bytes:
    message = {"role": "assistant", "content": "well"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    known = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return orjson.dumps({**known, "choices": [choice], "usage": USAGE})


# A chat's answer that is no stream.
WHOLE = _well()


def _table(url: str, callers: dict[str, int]) -> RoutingTable:
    numbers = [number for numbers in ALIASES.values() for number in numbers]
    source = snapshot(
        [
            provider(
                i,
                f"{url}/{i}/v1",
                priority=i,
                provider_type="vLLM" if i == RANKING else "OpenAI",
            )
            for i in numbers
        ],
        # Two keys each, so that one of them may rest unseen.
        keys=[key(10 * i + k, i) for i in numbers for k in (1, 2)],
        mappings=[
            mapping(number, number, model_alias=alias)
            for alias, numbers in ALIASES.items()
            for number in numbers
        ],
        virtual_keys=[
            virtual_key(value, number, usage_limits=LIMITS, group_id=GROUPS[number % 2].id)
            for value, number in callers.items()
        ],
    )
    source.virtual_key_groups.extend(GROUPS)
    return compiled(source)


class NoStorage(IdempotencyStorage):
    """A Storage that is away: calls with idempotency keys are told apart by the router alone."""

    def __init__(self) -> None:
        pass

    async def claim(
        self, claim: IdempotencyClaim, fingerprint: bytes
    ) -> ClaimIdempotencyKeyResponse:
        """Raise ServiceUnavailable."""
        raise ServiceUnavailable("Storage is away", service="storage")


class SharedGateway:
    """What callers share."""

    def __init__(self, runtime: CallRuntime, providers: Providers, edge: HttpServer) -> None:
        self.runtime = runtime
        self.providers = providers
        self.port = edge.port
        self.edge = edge


@asynccontextmanager
async def shared_gateway(
    folder: Path, callers: dict[str, int], connections: int = 1000, calls_per_key: int = 0
) -> AsyncIterator[SharedGateway]:
    """Run the gateway for virtual keys by value, with so many connections to a provider at most.

    Of each key at most `calls_per_key` calls are under way; zero for any number.
    """
    now = asyncio.get_running_loop().time
    providers = Providers()
    upstream = HttpServer(providers, clock=now)
    await upstream.start("127.0.0.1", 0)
    limits = ClientLimits(max_connections=connections, max_total=10 * connections)
    client = HttpClient(clock=now, limits=limits, resolve=_look_up)
    refresher = TokenRefresher(now, Sender(client, client))
    spool = Spool(folder / "spool")
    runtime = CallRuntime(
        transport=Transport(client, client, refresher, now),
        media=MediaFetcher(client),
        state=ProviderState(now),
        recorder=ChargeRecorder(spool, PriceList(), IdSource(now), now),
        outcomes=Outcomes(now),
        clock=now,
        wall_clock=now,
        draw_seed=lambda: 1,
        caps=CallCaps(calls=calls_per_key),
    )
    table = _table(f"http://127.0.0.1:{upstream.port}", callers)
    runtime.table = table
    virtual_keys = VirtualKeys(Vault(ENCRYPTION_KEY), now)
    virtual_keys.apply(first(table))
    idempotent = IdempotentCalls(NoStorage(), Vault(ENCRYPTION_KEY), IdSource(now), now)
    stub = RouterStub(
        *(runtime, virtual_keys, IdSource(now), _space(folder), _SESSION), idempotent=idempotent
    )
    edge = _edge(stub, folder)
    await edge.start("127.0.0.1", 0)
    try:
        yield SharedGateway(runtime, providers, edge)
    finally:
        for server in (edge, upstream):
            await server.drain(0.1)
        await idempotent.close()
        await refresher.close()
        await client.close()
        spool.close()


async def _look_up(host: str, _port: int) -> list[str]:
    # A thread takes real time.
    return [host]


_SESSION = SessionLimits(first_event=10, opening=10, idle=60, longest=600)


def _space(folder: Path) -> SpillSpace:
    return SpillSpace(folder, most_bytes=1 << 20)


def _edge(stub: RouterStub, folder: Path) -> HttpServer:
    now, metrics = asyncio.get_running_loop().time, Metrics()
    served = endpoints(
        ROUTES,
        {"RouterService": Backend("router", stub, None, is_local=True)},
        metrics,
        Edge(
            Authorizer(METHODS, master_key="master", virtual_keys=stub.identify),
            asyncio.Event(),
            15.0,
        ),
        uploads=_space(folder),
    )
    log: Any = structlog.get_logger("edge").bind()
    edge = Dispatcher(
        served,
        NotFoundEndpoint(metrics.add("", "")),
        cors=Cors((), ()),
        ids=IdSource(now),
        clock=now,
        log=log,
        max_body_bytes=1 << 20,
    )
    return HttpServer(
        edge.handle,
        body_limit=edge.body_limit,
        judge_head=edge.judge_head,
        streams_body=edge.streams_body,
        on_error=edge.failed,
        render_refusal=edge.refused,
        clock=now,
    )
