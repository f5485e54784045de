"""A gateway in front of misbehaving providers, over HTTP and gRPC, and what each call came to."""

import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import grpc
import httpx
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from tests.faults.fault import Fault
from tests.faults.fault_callers import (
    BEARER,
    BUDGETED_KEY,
    Came,
    Stub,
    ask_over_grpc,
    ask_over_http,
    bearer_of,
)
from tests.faults.fault_case import CASES, STRAIGHT, Case
from tests.faults.fault_operations import OPERATIONS
from tests.faults.lending_billing import LendingBilling, lending_billing
from tests.faults.misbehaving_upstream import KEPT, MisbehavingUpstream, Seen, misbehaving
from tests.faults.session_callers import converse_over_grpc, converse_over_http
from tests.faults.upstream_acts import good
from tests.integration.router.conftest import NOWHERE
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    key,
    mapping,
    provider,
    save_snapshot,
    snapshot,
    virtual_key,
)
from tests.support.storage_host import StorageHost
from tests.support.waiting import eventually

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.budget_pb2 import BUDGET_PERIOD_TOTAL, Budget
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import Charge
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_ESTIMATE
from conduit.v1.routing_policy_pb2 import StreamFailover
from conduit.v1.timeouts_pb2 import Timeouts
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit_bridge import bootstrap as bridge
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap as router
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.process import RouterProcess

# More than all calls together need, but of places, which would soon be taken if one were kept.
BUDGET = Budget(limit_nano_usd=10**15, period=BUDGET_PERIOD_TOTAL)
LIMITS = UsageLimits(
    requests_per_minute=1_000_000, tokens_per_minute=1_000_000_000_000, concurrent_requests=40
)


@dataclass
class FaultGateway:
    """A router with its bridge, whose providers misbehave as the catalogue says."""

    upstream: MisbehavingUpstream
    process: RouterProcess
    client: httpx.AsyncClient
    stub: Stub
    folder: Path
    # Of the files of charges: their sizes, and how many charges they had when they were read last.
    _sizes: dict[Path, int] = field(default_factory=dict[Path, int])
    _known: Counter[Path] = field(default_factory=Counter[Path])
    _charges: defaultdict[str, list[Charge]] = field(default_factory=lambda: defaultdict(list))
    _ids: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg] # of numbers

    def seen(self, case: Case) -> tuple[list[Seen], list[Seen]]:
        """Return the requests that the two instances of a case met."""
        places = (f"{case.alias}/first", f"{case.alias}/second")
        first, second = (self.upstream.seen[place] for place in places)
        return first, second

    def charges(self, request_id: str) -> list[Charge]:
        """Return what was charged for a call, as far as that was read."""
        return self._charges[request_id]

    def charges_of(self, alias: str) -> list[Charge]:
        """Return what was charged for an alias's calls, as far as that was read."""
        found = (each for charges in self._charges.values() for each in charges)
        return [each for each in found if each.model_alias == alias]

    @property
    def all_charges(self) -> list[Charge]:
        """All that was charged, as far as it was read."""
        return [each for charges in self._charges.values() for each in charges]

    def read_charges(self) -> None:
        """Read what was charged since."""
        for path in sorted(self.folder.rglob("*.spool")):
            if path.stat().st_size != self._sizes.get(path):
                self._read(path)

    def _read(self, path: Path) -> None:
        """Note the charges of a file that are new."""
        self._sizes[path] = path.stat().st_size
        messages = [message for kind, message in read_segment(path).records if kind == CHARGE]
        for message in messages[self._known[path] :]:
            charge = Charge.FromString(message)
            self._charges[charge.request_id].append(charge)
        self._known[path] = len(messages)

    def files(self) -> list[str]:
        """Return the files that uploads are kept in, which have no names: those that are open."""
        places = (str(self.folder / "uploads"), str(self.folder / "router" / "uploads"))
        return [each for each in _open_files() if each.startswith(places)]

    def new(self) -> Came:
        """Return where to note what a call comes to."""
        return Came(f"req_fault_{next(self._ids)}")

    async def is_idle(self) -> None:
        """Wait until no provider works for anybody."""

        async def is_so() -> bool:
            return self.upstream.busy == 0

        await eventually(is_so)

    async def call(self, case: Case, seconds: float = 0, came: Came | None = None) -> Came:
        """Make the call of a case; `came` is where to note how it goes."""
        came = came or self.new()
        began = time.monotonic()
        if case.caller == STRAIGHT:
            await ask_over_http(self.client, OPERATIONS[0], KEPT, self.new(), {})
        make = self._over_grpc if case.caller == "grpc" else self._over_http
        await make(case, came, seconds)
        came.seconds = time.monotonic() - began
        return came

    async def _over_http(self, case: Case, came: Came, seconds: float) -> None:
        headers = {"x-request-id": came.request_id, "authorization": bearer_of(case)}
        if case.policy is not None:
            headers["x-conduit-stream-failover"] = case.policy
        if seconds:
            headers["x-conduit-timeout"] = f"{seconds}s"
        if case.operation.is_keyed:
            headers["idempotency-key"] = came.request_id
        if (session := case.operation.session) is not None:
            url = str(self.client.base_url)
            await converse_over_http(url, session, case.alias, came, headers)
        else:
            await ask_over_http(self.client, case.operation, case.alias, came, headers)

    async def _over_grpc(self, case: Case, came: Came, seconds: float) -> None:
        options = CallOptions()
        if case.policy is not None:
            options.stream_failover = StreamFailover.Value(f"STREAM_FAILOVER_{case.policy.upper()}")
        if seconds:
            options.timeout.CopyFrom(Duration(nanos=int(seconds * 1e9)))
        if case.operation.is_keyed:
            options.idempotency_key = came.request_id
        if case.is_session:
            await converse_over_grpc(self.stub, case.operation, case.alias, came, options)
        else:
            await ask_over_grpc(
                *(self.stub, case.operation, case.alias, came, options), bearer_of(case)
            )


def _open_files() -> Iterator[str]:
    for each in Path("/proc/self/fd").iterdir():
        # The one that lists them is gone by now.
        with suppress(FileNotFoundError):
            yield str(each.readlink())


def _timeouts(fault: Fault) -> Timeouts | None:
    return Timeouts(idle=_duration(fault.idle)) if fault.idle else None


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration


def configuration(upstream: MisbehavingUpstream, cases: Sequence[Case]) -> Snapshot:
    """Return two instances for each case, under an alias of its own, and the virtual keys."""
    providers, mappings, chains = [], [], []
    for number, case in enumerate(cases):
        first, second = 2 * number + 1, 2 * number + 2
        fault = case.fault
        url = upstream.play(f"{case.alias}/first", fault.acts, fault.creations)
        if fault.base_url == "https":
            url = url.replace("http:", "https:")
        elif fault.base_url == "untrusted":
            url = url.replace(upstream.url, upstream.untrusted_url)
        elif fault.base_url:
            url = fault.base_url
        limit = _duration(fault.patience)
        steps = [FallbackProvider(provider_id=first, priority=1, timeout=limit)]
        kind, own = case.operation.provider_type, Struct()
        own.update(case.operation.settings)
        # What is read on is held by tests of its own; here whoever leaves ends it.
        closed = ABORTED_STREAM_POLICY_ESTIMATE
        providers.append(
            provider(first, url, provider_type=kind, settings=own, aborted_streams=closed)
        )
        if fault.second:
            url = upstream.play(f"{case.alias}/second", fault.second, (good,))
            if fault.second_type:
                kind, own = fault.second_type, Struct()
            providers.append(
                provider(second, url, provider_type=kind, settings=own, aborted_streams=closed)
            )
            steps.append(FallbackProvider(provider_id=second, priority=2))
        mappings += [
            mapping(
                step.provider_id,
                step.provider_id,
                model_alias=case.alias,
                actual_model_name=case.operation.model_at(step.provider_id),
                timeouts=_timeouts(fault) if step.provider_id == first else None,
            )
            for step in steps
        ]
        chains.append(
            FallbackChain(id=first, model_alias=case.alias, is_enabled=True, providers=steps)
        )
    kept = 2 * len(cases) + 1
    providers.append(provider(kept, upstream.play(KEPT, ())))
    mappings.append(mapping(kept, kept, model_alias=KEPT, actual_model_name="gpt"))
    keys = [key(each.id, each.id) for each in providers]
    budgeted = virtual_key(BUDGETED_KEY, 2, budgets=[BUDGET], usage_limits=LIMITS)
    return snapshot(providers, keys, mappings, chains, [virtual_key(), budgeted])


@asynccontextmanager
async def _billing(cases: Sequence[Case]) -> AsyncIterator[LendingBilling | None]:
    """Run Billing where callers have budgets."""
    if not any(case.is_budgeted for case in cases):
        yield None
        return
    async with lending_billing() as billing:
        yield billing


@asynccontextmanager
async def _storage(folder: Path, cases: Sequence[Case]) -> AsyncIterator[str]:
    """Run Storage where calls leave something behind; return where it is."""
    if not any(case.operation.is_kept for case in cases):
        yield NOWHERE
        return
    host = StorageHost(folder / "storage")
    await host.start()
    try:
        yield host.address
    finally:
        await host.stop()


@asynccontextmanager
async def faulty_gateway(
    folder: Path,
    cases: Sequence[Case] = CASES,
    **limits: float,
) -> AsyncIterator[FaultGateway]:
    """Run the gateway and its providers; limits are settings.

    At its end nothing may be held of any budget, and of each what was charged is spent, once.
    """
    async with (
        misbehaving(folder) as upstream,
        _storage(folder, cases) as storage,
        _billing(cases) as billing,
    ):
        save_snapshot(folder / "router" / "snapshot.binpb", configuration(upstream, cases))
        settings = Settings(
            **limits,  # type: ignore[arg-type] # all of them are seconds
            data_dir=folder,
            master_key="master",
            encryption_key=ENCRYPTION_KEY,
            http_port=0,
            grpc_port=0,
            allow_private_addresses=True,
            targets={
                **dict.fromkeys(("registry", "health"), NOWHERE),
                "billing": NOWHERE if billing is None else billing.target,
                "storage": storage,
            },
        )
        process = await router.start(settings, load_catalog(), port=0)
        edge = await bridge.start(settings, router=process.stub, background=process.background)
        url = f"http://127.0.0.1:{edge.port}"
        headers = {"authorization": BEARER}
        client = httpx.AsyncClient(base_url=url, headers=headers, timeout=30)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{process.port}")
        try:
            async with client, channel:
                gateway = FaultGateway(upstream, process, client, Stub(channel), folder)
                if billing is not None:
                    await billing.is_priced.wait()
                yield gateway
        finally:
            for each in (edge, process):
                await each.drain(0.1)
        if billing is not None:
            gateway.read_charges()
            billing.check_returned(gateway.all_charges)
