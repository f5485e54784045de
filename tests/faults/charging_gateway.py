"""A gateway whose charges a test follows: to its disk, and to a Billing that may be away."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
from tests.integration.router.conftest import NOWHERE, instances
from tests.support.snapshots import ENCRYPTION_KEY, VIRTUAL_KEY, save_snapshot

from conduit.internal.v1.ledger_service_pb2 import RecordChargesRequest, RecordChargesResponse
from conduit.v1.charge_pb2 import Charge
from conduit_bridge import bootstrap as bridge
from conduit_kernel.background import Background
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap as router
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.control_plane.charge_delivery import LEDGER
from conduit_router.process import RouterProcess
from conduit_simulator import bootstrap as simulator

MASTER_KEY = "master"
# So much faster than in earnest do the loops of a gateway look.
HASTE = 50


class Ledger:
    """A Billing service that counts what it is sent, unless it is away."""

    def __init__(self) -> None:
        self.is_away = False
        # By id, how often a charge came; by request, how many different ones.
        self.charges: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.target = ""

    async def record(
        self,
        request: RecordChargesRequest,
        context: grpc.aio.ServicerContext,  # type: ignore[type-arg] # generic for type checkers only
    ) -> RecordChargesResponse:
        """Count."""
        if self.is_away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "as asked for by the test")
        for charge in request.charges:
            self.charges[charge.id] += 1
            if self.charges[charge.id] == 1:
                self.requests[charge.request_id] += 1
        return RecordChargesResponse()


@asynccontextmanager
async def serving_ledger() -> AsyncIterator[Ledger]:
    """Run a ledger for as long as this lasts."""
    ledger = Ledger()
    method = grpc.unary_unary_rpc_method_handler(
        ledger.record,
        request_deserializer=RecordChargesRequest.FromString,
        response_serializer=RecordChargesResponse.SerializeToString,
    )
    server = grpc.aio.server()
    handler = grpc.method_handlers_generic_handler(LEDGER, {"RecordCharges": method})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    ledger.target = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield ledger
    finally:
        await server.stop(None)


@dataclass
class Gateway:
    """A bridge with its router, whose disk a test lets refuse."""

    process: RouterProcess
    background: Background
    client: httpx.AsyncClient
    folder: Path

    async def chat(self, *, stream: bool = False) -> httpx.Response:
        """Ask over HTTP."""
        asked = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        return await self.client.post("/v1/chat/completions", json=asked)

    def charged(self) -> list[str]:
        """Return the requests whose charges the disk has."""
        return [
            Charge.FromString(message).request_id
            for path in sorted(self.folder.rglob("*.spool"))
            for kind, message in read_segment(path).records
            if kind == CHARGE
        ]


@asynccontextmanager
async def serving(
    folder: Path, *, billing: str = NOWHERE, max_waiting_charges: int = 0
) -> AsyncIterator[Gateway]:
    """Run a gateway on the simulator, whose control plane is Billing alone, if anything."""
    provider = await simulator.start(seed=1)
    save_snapshot(
        folder / "router" / "snapshot.binpb",
        instances(f"http://127.0.0.1:{provider.port}/v1", "good"),
    )
    settings = Settings(
        data_dir=folder,
        master_key=MASTER_KEY,
        encryption_key=ENCRYPTION_KEY,
        http_port=0,
        grpc_port=0,
        allow_private_addresses=True,
        max_waiting_charges=max_waiting_charges,
        targets={"registry": NOWHERE, "health": NOWHERE, "billing": billing},
    )
    background = Background(sleep=lambda seconds: asyncio.sleep(seconds / HASTE))
    process = await router.start(settings, load_catalog(), background=background)
    edge = await bridge.start(
        settings, router=process.stub, background=background, collectors=process.collectors
    )
    headers = {"authorization": f"Bearer {VIRTUAL_KEY}"}
    url = f"http://127.0.0.1:{edge.port}"
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:
            yield Gateway(process, background, client, folder)
    finally:
        for each in (edge, process, provider):
            await each.drain(0.1)
