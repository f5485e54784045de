"""A router on a configuration from disk, with the simulator as its providers."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest
from tests.support.router_edge import RouterEdge
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    VIRTUAL_KEY,
    key,
    mapping,
    provider,
    save_snapshot,
    snapshot,
)

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.charge_pb2 import Charge
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit_kernel.egress import DIRECT, Egress
from conduit_kernel.secrets import Vault
from conduit_kernel.settings import Settings
from conduit_providers.catalog import Catalog, load_catalog
from conduit_router import bootstrap
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.process import RouterProcess
from conduit_simulator import bootstrap as simulator

METADATA = (("authorization", f"Bearer {VIRTUAL_KEY}"), ("x-request-id", "req_test"))
MASTER_KEY = "master"
# Nobody listens there.
NOWHERE = "127.0.0.1:1"


@dataclasses.dataclass
class Bench:
    """A running router and what it left behind."""

    process: RouterProcess
    folder: Path

    @property
    def stub(self) -> RouterEdge:
        """Return the in-process stub, behind an edge."""
        return RouterEdge(self.process.stub, MASTER_KEY)

    async def chat(self, model: str = "gpt", **members: object) -> pb.ChatResponse:
        """Ask for an answer, in JSON."""
        request = pb.ChatRequest(json=body(model, **members))
        response: pb.ChatResponse = await self.stub.Chat(request, METADATA)
        return response

    async def stream(self, model: str = "gpt", **members: object) -> list[pb.StreamChatResponse]:
        """Ask for a streamed answer, in JSON; return all of its messages."""
        request = pb.StreamChatRequest(json=body(model, stream=True, **members))
        return [message async for message in self.stub.StreamChat(request, METADATA)]

    def charges(self) -> list[Charge]:
        """Return every charge in the spool, oldest first."""
        paths = sorted(self.folder.rglob("*.spool"))
        return [
            Charge.FromString(message)
            for path in paths
            for kind, message in read_segment(path).records
            if kind == CHARGE
        ]


def body(model: str, **members: object) -> bytes:
    """Return a chat request."""
    return orjson.dumps(
        {"model": model, "messages": [{"role": "user", "content": "hello there"}], **members}
    )


def text(response: pb.ChatResponse) -> str:
    """Return the words of an answer."""
    words: str = orjson.loads(response.json)["choices"][0]["message"]["content"]
    return words


def chunks(messages: Sequence[pb.StreamChatResponse]) -> list[dict[str, Any]]:
    """Return the chunks of a stream, without `[DONE]`."""
    events = b"".join(m.events for m in messages).split(b"\n\n")
    return [orjson.loads(e[6:]) for e in events if e.startswith(b"data: {")]


def instances(
    base_url: str, *behaviours: Sequence[str] | str, chain: FallbackChain | None = None
) -> Snapshot:
    """Return a configuration with an instance for each behaviour, in order of priority.

    A behaviour is what the simulator does for the instance's key; several are several keys.
    """
    keys, providers, number = [], [], 0
    for index, behaviour in enumerate(behaviours, 1):
        providers.append(provider(index, base_url, priority=index))
        for name in [behaviour] if isinstance(behaviour, str) else behaviour:
            number += 1
            entry = key(number, index)
            entry.secret.CopyFrom(
                Vault(ENCRYPTION_KEY).seal(f"sk-simulator-{name}", entry.credential.id)
            )
            keys.append(entry)
    return snapshot(
        providers,
        keys=keys,
        mappings=[mapping(p.id, p.id, actual_model_name="echo") for p in providers],
        chains=[chain] if chain else [],
    )


class Runner(Protocol):
    """Runs a router on a configuration."""

    async def __call__(
        self,
        source: Snapshot,
        *,
        allow_private_addresses: bool = True,
        allow_private_media: bool = False,
        catalog: Catalog | None = None,
        egress: Egress = DIRECT,
        max_calls_per_key: int | None = None,
        storage: str = NOWHERE,
    ) -> Bench:
        """Return the running router."""
        ...


@pytest.fixture
async def upstream() -> AsyncIterator[str]:
    """Run the simulator; return the base URL."""
    process = await simulator.start(seed=1)
    yield f"http://127.0.0.1:{process.port}/v1"
    await process.drain(0.1)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Runner]:
    """Return a function that runs a router on a configuration, with no control plane at all."""
    async with contextlib.AsyncExitStack() as stack:

        async def run(
            source: Snapshot,
            *,
            allow_private_addresses: bool = True,
            allow_private_media: bool = False,
            catalog: Catalog | None = None,
            egress: Egress = DIRECT,
            max_calls_per_key: int | None = None,
            storage: str = NOWHERE,
        ) -> Bench:
            folder = tmp_path / "router"
            save_snapshot(folder / "snapshot.binpb", source)
            settings = Settings(
                data_dir=tmp_path,
                master_key=MASTER_KEY,
                encryption_key=ENCRYPTION_KEY,
                grpc_port=0,
                allow_private_addresses=allow_private_addresses,
                allow_private_media=allow_private_media,
                egress=egress,
                max_calls_per_key=max_calls_per_key,
                targets=dict.fromkeys(("registry", "health", "billing"), NOWHERE)
                | {"storage": storage},
            )
            process = await bootstrap.start(settings, catalog or load_catalog())
            stack.push_async_callback(process.drain, 0.1)
            return Bench(process, folder)

        yield run
