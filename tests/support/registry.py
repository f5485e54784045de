"""A Registry on a real port, and a provider beside it, as its tests call them."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from tests.support.credentials import Metadata, admin_metadata, service_metadata_of

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotRequest
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from conduit.v1.provider_pb2 import Provider, ProviderSpec
from conduit.v1.provider_requests_pb2 import CreateProviderRequest
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit_kernel.errors import ConduitError
from conduit_kernel.rpc import connect, error_of, service_metadata
from conduit_kernel.settings import Settings
from conduit_providers.catalog import Catalog
from conduit_registry import bootstrap
from conduit_registry.values import Resource

ValueT = TypeVar("ValueT", bound=Resource)
MASTER_KEY = "test-master-key"
METADATA = admin_metadata(MASTER_KEY)
ENCRYPTION_KEY = b"current encryption key 012345678"
SERVICE_METADATA = service_metadata_of(ENCRYPTION_KEY)
INTERNAL = "conduit.internal.v1"
# 2026-11-23T12:00:00Z
NOW = 1_795_435_200.0


@dataclasses.dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = NOW

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


class Api:
    """Calls a Registry by its request messages."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        process: bootstrap.RegistryProcess,
        request_id: str = "",
        service_metadata: Metadata = SERVICE_METADATA,
    ) -> None:
        # Of no type: gRPC's own say nothing of what a stream's messages are.
        self.stub: Any = RegistryServiceStub(channel)
        self.snapshots: Any = SnapshotServiceStub(channel)
        self.process = process
        self._service_metadata = service_metadata
        self._metadata = (*METADATA, ("x-request-id", request_id)) if request_id else METADATA

    async def __call__(self, request: Message) -> Any:  # noqa: ANN401 # the answer's type follows the request's
        """Return the answer to a request; the RPC has the request's name."""
        name = type(request).__name__.removesuffix("Request")
        if request.DESCRIPTOR.file.package == INTERNAL:
            call = getattr(self.snapshots, name)
            return await call(request, metadata=self._service_metadata, timeout=40)
        return await getattr(self.stub, name)(request, metadata=self._metadata, timeout=40)

    async def refused(self, request: Message) -> ConduitError:
        """Return the error that a request gets."""
        with pytest.raises(grpc.RpcError) as caught:
            await self(request)
        return error_of(caught.value, "registry")

    async def snapshot(self) -> Snapshot:
        """Return the whole configuration."""
        watch = self.snapshots.WatchSnapshot(
            WatchSnapshotRequest(), metadata=self._service_metadata
        )
        snapshot: Snapshot = (await watch.read()).snapshot
        watch.cancel()
        return snapshot

    async def provider(self, name: str = "Main", **spec: object) -> Provider:
        """Create an instance."""
        given: dict[str, Any] = {"name": name, "provider_type": "OpenAI", **spec}
        request = CreateProviderRequest(provider=ProviderSpec(**given))
        provider: Provider = (await self(request)).provider
        return provider


@dataclasses.dataclass
class Bench:
    """What a test of the Registry works with."""

    settings: Settings
    catalog: Catalog
    clock: Clock

    @asynccontextmanager
    async def registry(self, request_id: str = "", **settings: object) -> AsyncIterator[Api]:
        """Run a Registry process for as long as this lasts."""
        changes: dict[str, Any] = settings
        used = dataclasses.replace(self.settings, **changes)
        process = await bootstrap.start(used, self.catalog, clock=self.clock, port=0)
        channel = connect(f"127.0.0.1:{process.port}")
        try:
            yield Api(channel, process, request_id, service_metadata(used.service_tokens[0]))
        finally:
            await channel.close()
            await process.drain(1.0)


class Upstream:
    """Lists models to those whose key it knows; by default each key's answer is 401."""

    def __init__(self) -> None:
        # Bearer token to status and body; None never answers.
        self.answers: dict[str, tuple[int, str] | None] = {}
        self.tokens: list[str] = []
        self.url = ""

    def lists(self, token: str, *models: str) -> None:
        """Make a key see these models."""
        data = ", ".join(f'{{"id": "{model}", "object": "model"}}' for model in models)
        self.answers[token] = (200, f'{{"object": "list", "data": [{data}]}}')

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        token = head.partition("authorization: bearer ")[2].partition("\r\n")[0]
        self.tokens.append(token)
        refused = (401, f'{{"error": {{"message": "Incorrect API key: {token}"}}}}')
        answer = self.answers.get(token, refused)
        if answer is None:
            await reader.read()
        else:
            status, body = answer
            lines = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close"
            writer.write(f"{lines}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()
        writer.close()


def numbered(value: ValueT) -> Callable[[int], ValueT]:
    """Return what makes a value of the id that a store has for it."""
    return lambda number: replace(value, id=number)


@asynccontextmanager
async def serve_upstream() -> AsyncIterator[Upstream]:
    """Run a provider for as long as this lasts."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield upstream


def settings_of(data_dir: Path, database_url: str = "") -> Settings:
    """Return the settings of a Registry whose providers are on loopback."""
    return Settings(
        data_dir=data_dir,
        master_key=MASTER_KEY,
        encryption_key=ENCRYPTION_KEY,
        database_url=database_url,
        allow_private_addresses=True,
    )
