"""A router and a Billing that die at any moment, around what no death takes: files and tables.

A process that is killed does nothing more: it has no disk and no network from that moment on. So a
router of these is cut off from both before its coroutines are let go of, and whatever they do in
their `finally` is done by nobody. SQLite takes back what a Billing had not committed.
"""

import asyncio
import os
import random
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import grpc
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.budgets import MICRO, BudgetBench
from tests.support.call_bench import Bench
from tests.support.scripted_upstream import EVENTS, JSON, open_transport, serve

from conduit.internal.v1.ledger_service_pb2 import RecordChargesRequest, RecordChargesResponse
from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.budget_pb2 import BUDGET_PERIOD_TOTAL, Budget
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN
from conduit_billing.budgets.lease_grants import LeaseRequest
from conduit_billing.budgets.lease_store import LEASE_MICROS
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import read_charge
from conduit_kernel.errors import ConduitError, ServiceUnavailable
from conduit_kernel.http import Exchange
from conduit_kernel.ids import IdSource
from conduit_providers.operations.chat import OPERATION
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext
from conduit_router.control_plane.charge_delivery import ChargeDelivery
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.leases import Grant
from conduit_router.spending.reserver import BUDGET, Reserver

T = TypeVar("T")
LIMIT = 10**9
PRICE = 1_000_000  # a nano-dollar for each token
NEVER = 10**9


class Killed(BaseException):
    """The process has died."""


class Death:
    """Kills a router at one of the moments at which it waits for anything."""

    def __init__(self, bury: Callable[[], None], after: int = NEVER) -> None:
        """Take what its end does, and before which of its waits it dies."""
        self.steps = 0
        self.after = after
        self.has_come = False
        self._bury = bury

    @types.coroutine
    def over(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Do some work of the process; Killed once it dies."""
        value, problem = None, None
        while True:
            try:
                waited = work.send(value) if problem is None else work.throw(problem)
            except StopIteration as stop:
                if self.has_come:
                    raise Killed from None
                return cast("T", stop.value)
            except BaseException:
                if self.has_come:
                    raise Killed from None
                raise
            self.steps += 1
            if self.steps >= self.after and not self.has_come:
                self.come()
            value, problem = None, None
            try:
                value = yield waited
            except BaseException as error:  # noqa: BLE001 # of whatever kind, it is the work's
                problem = error
            if self.has_come:
                # Threads have ended by now, as they would have with the process. Of what it does
                # from now on nothing gets anywhere; so it can be let go of.
                problem = asyncio.CancelledError()

    def come(self) -> None:
        """Take the disk and the network from the process."""
        self.has_come = True
        self._bury()


class Billing:
    """A ledger behind a network that loses requests and answers, in a process that dies."""

    def __init__(self, engine: AsyncEngine, chance: random.Random, virtual_key_id: int) -> None:
        self.bench = BudgetBench(engine)
        self.bench.give(virtual_key_id, Budget(limit_nano_usd=LIMIT, period=BUDGET_PERIOD_TOTAL))
        self.virtual_key_id = virtual_key_id
        self.chance = chance
        # What it is asked goes on where who asks dies.
        self.doing: set[asyncio.Task[Any]] = set()
        # How many of its calls were lost, in whichever way.
        self.lost = 0
        self.is_reliable = False

    async def do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do what a request asks, unless the request, the answer or the process is lost."""
        fate = 1.0 if self.is_reliable else self.chance.random()
        if fate < 0.08:
            self._lose()
        if fate < 0.16:
            await asyncio.shield(self._begun(work()))
            self._lose()
        doing = self._begun(work())
        if fate < 0.24:
            await self._die_in(doing)
        return await asyncio.shield(doing)

    async def rest(self) -> None:
        """Wait for what was asked by who has died."""
        while self.doing:
            await asyncio.wait(self.doing)

    def _begun(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        doing = asyncio.create_task(work)
        self.doing.add(doing)
        doing.add_done_callback(self._done)
        return doing

    def _done(self, doing: asyncio.Task[Any]) -> None:
        self.doing.discard(doing)
        if not doing.cancelled():
            # Whoever asked may have died.
            doing.exception()

    async def _die_in(self, doing: asyncio.Task[Any]) -> NoReturn:
        """Die while something is done: it is done wholly, or not at all."""
        for _ in range(self.chance.randrange(40)):
            await asyncio.sleep(0)
        doing.cancel()
        await asyncio.wait({doing})
        self._lose()

    def _lose(self) -> NoReturn:
        self.lost += 1
        raise ServiceUnavailable("Billing is away", service="billing")


class WiredLeases:
    """Leases as a router has them: of a Billing, by a process that may be dead."""

    def __init__(self, billing: Billing, router: "Router") -> None:
        self._billing = billing
        self._router = router

    async def acquire(
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Return a lease."""
        bench, request = (
            self._billing.bench,
            LeaseRequest(name, virtual_key_id, least, amount, spare),
        )
        windows = bench.windows(virtual_key_id)
        lease = await self._ask(lambda: bench.leases.acquire(request, windows, bench.now))
        return Grant(lease.amount, lease.usable_for / MICRO, LEASE_MICROS / MICRO)

    async def renew(self, names: list[str]) -> list[str]:
        """Put off the deadline of leases."""
        bench = self._billing.bench
        return await self._ask(lambda: bench.leases.renew(names, bench.now))

    async def release(self, name: str, spent: int, left: int) -> None:
        """Give back a lease."""
        bench = self._billing.bench
        await self._ask(lambda: bench.leases.release(name, spent, bench.now))

    async def _ask(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._router.death.has_come:
            raise ServiceUnavailable("The router is dead", service="router")
        return await self._billing.do(work)


class WiredChannel:
    """What a router delivers its charges by."""

    def __init__(self, billing: Billing, router: "Router") -> None:
        self._billing = billing
        self._router = router

    def unary_unary(self, _: str, **__: object) -> Callable[..., Awaitable[object]]:
        """Return the one RPC that is used."""
        return self._record

    async def _record(self, request: bytes, **_: object) -> RecordChargesResponse:
        if self._router.death.has_come:
            raise _unavailable()
        sent = RecordChargesRequest.FromString(request)
        charges = [read_charge(each, "charge") for each in sent.charges]
        bench = self._billing.bench
        try:
            await self._billing.do(lambda: bench.ledger.record(charges, (), bench.now))
        except ServiceUnavailable as error:
            raise _unavailable() from error
        return RecordChargesResponse()


class Router:
    """A router's process: the calls, the budgets and the delivery that are the real ones."""

    def __init__(self, world: "World") -> None:
        self.death = Death(self.bury)
        self.bench = Bench(world.folder, transport=world.transport, base_url=world.upstream_url)
        self.bench.now = world.billing.bench.now / MICRO
        self.bench.recorder.prices.load([_price(1), _price(2)])
        leases = WiredLeases(world.billing, self)
        reserver = Reserver(lambda _: leases, IdSource().next, lambda: self.bench.now)
        self.budgets = reserver.pools[BUDGET]
        self.bench.runtime.reserver = reserver
        channel = cast("grpc.aio.Channel", WiredChannel(world.billing, self))
        self.delivery = ChargeDelivery(channel, self.bench.spool, self.bench.recorder, ())
        self._whole = UnaryCalls(self.bench.runtime, OPERATION, pb.ChatResponse)
        self._streamed = StreamingCalls(self.bench.runtime, OPERATION, pb.StreamChatResponse)
        self._caller = Caller(
            world.billing.virtual_key_id,
            is_enabled=True,
            expires_at=1e18,
            allowed=None,
            usage=UsagePolicy(has_budget=True),
        )

    async def call(self, name: str, *, stream: bool) -> None:
        """Make a call for a caller who waits until its end."""
        body = orjson.dumps(
            {
                "model": "gpt",
                "user": name,
                "max_tokens": 10,
                "messages": [{"role": "user", "content": "hello"}],
                **({"stream": True} if stream else {}),
            }
        )
        caller = CallerContext(self._caller, name, "")
        if stream:
            request = pb.StreamChatRequest(json=body)
            async for _ in self._streamed(request, caller):
                pass
        else:
            await self._whole(pb.ChatRequest(json=body), caller)

    async def keep(self) -> None:
        """Do what its loops do beside the calls."""
        with suppress(ServiceUnavailable):
            await self.budgets.keep()
        with suppress(grpc.RpcError):
            await self.delivery.deliver()

    def bury(self) -> None:
        """Take the disk from it, as its end does: nothing is synced, and locks are let go of."""
        spool = self.bench.spool
        for name in ("append", "begin", "rotate", "closed_segments", "discard", "set_aside"):
            setattr(spool, name, _no_disk)
        for file in spool._let_go():  # noqa: SLF001 # as the kernel does
            os.close(file)


class World:
    """What outlives all processes, and what everybody may be held to in the end."""

    def __init__(self, folder: Path, billing: Billing, chance: random.Random) -> None:
        self.folder = folder
        self.billing = billing
        self.chance = chance
        self.transport: Any = None
        self.upstream_url = ""
        # What the provider served, in nano-dollars, and to whom an answer came whole; by request.
        self.served: dict[str, int] = {}
        self.answered: set[str] = set()
        self.deaths = 0
        self._names = 0

    async def round(self, router: Router, calls: int, kill_after: int = NEVER) -> Router:
        """Let a router make calls and look after things; return it, or its successor."""
        router.death.steps, router.death.after = 0, kill_after
        made = [self._made(router) for _ in range(calls)]
        ends = await asyncio.gather(*made, return_exceptions=True)
        if not router.death.has_come:
            ends += await asyncio.gather(router.death.over(router.keep()), return_exceptions=True)
        await self.billing.rest()
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, Killed | ConduitError):
                raise end
        return self.successor(router) if router.death.has_come else router

    async def _made(self, router: Router) -> None:
        self._names += 1
        name = f"req_{self.billing.virtual_key_id}_{self._names}"
        stream = self.chance.random() < 0.5
        await router.death.over(router.call(name, stream=stream))
        self.answered.add(name)

    def successor(self, router: Router) -> Router:
        """Return the process that follows one that died."""
        # Of folders that it adopted while it died.
        router.bury()
        self.deaths += 1
        return Router(self)

    async def settle(self, router: Router) -> None:
        """Let everything come to rest: what is on disk reaches Billing, and leases end."""
        self.billing.is_reliable = True
        await router.delivery.deliver()
        await router.delivery.deliver()
        self.billing.bench.now += 2 * LEASE_MICROS
        await self.billing.bench.leases.expire(self.billing.bench.now)
        router.death.come()

    async def charged(self) -> dict[str, list[int]]:
        """Return what each request was charged."""
        found: dict[str, list[int]] = {}
        key = self.billing.virtual_key_id
        for charge in await self.billing.bench.ledger.charges(
            limit=10**6, of=ChargeFilter(virtual_key_id=key)
        ):
            found.setdefault(charge.request_id, []).append(charge.cost or 0)
        return found

    async def provide(self, exchange: Exchange) -> None:
        """Answer as the provider, and count it."""
        asked = orjson.loads(exchange.body)
        name, cost = asked["user"], 1 + self.chance.randrange(60)
        if self.chance.random() < 0.1:
            exchange.respond(500, JSON, b"{}")
            return
        usage = {"prompt_tokens": cost, "completion_tokens": 0}
        self.served[name] = self.served.get(name, 0) + cost
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}
            exchange.respond(200, JSON, orjson.dumps({"choices": [choice], "usage": usage}))
            return
        out = exchange.start(200, EVENTS)
        for chunk in (
            {"choices": [{"index": 0, "delta": {"content": "hi"}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
        ):
            out.write(b"data: %b\n\n" % orjson.dumps(chunk))
        out.write(b"data: [DONE]\n\n")
        out.finish()


@asynccontextmanager
async def new_world(engine: AsyncEngine, folder: Path, seed: int) -> AsyncIterator[World]:
    """Make a world, with a virtual key and a disk of its own in it."""
    chance = random.Random(seed)  # noqa: S311 # the same each time
    folder.mkdir()
    world = World(folder, Billing(engine, chance, seed + 1), chance)
    async with serve(world.provide) as upstream, open_transport() as transport:
        world.transport, world.upstream_url = transport, upstream.url
        yield world


def _no_disk(*_: object, **__: object) -> NoReturn:
    raise OSError("the process is dead")


def _price(provider_id: int) -> Price:
    units = [
        UnitPrice(unit=unit, nano_usd_per_million=PRICE)
        for unit in (UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN)
    ]
    name = f"model-{provider_id}"
    return Price(provider_id=provider_id, actual_model_name=name, unit_prices=units, version="v")


def _unavailable() -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing)
