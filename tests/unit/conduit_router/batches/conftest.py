"""Batches at a Storage service of their own, with calls that do as a test says."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.credentials import service_metadata_of
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost

from conduit.internal.v1.batch_storage_service_pb2 import KeptBatch
from conduit.internal.v1.file_storage_service_pb2 import BeginFileRequest
from conduit.v1.batch_pb2 import Batch
from conduit.v1.router_requests_pb2 import EmbedResponse
from conduit_kernel.errors import ConduitError
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import connect
from conduit_kernel.secrets import Vault
from conduit_router.batches.calls import BatchCalls
from conduit_router.batches.recording import BatchRecorder
from conduit_router.batches.run import BatchRun, RunParts
from conduit_router.batches.storage import BatchStorage
from conduit_router.context import CallerContext
from conduit_router.files.keeping import FileKeeper
from conduit_router.files.storage import FileStorage
from conduit_router.routing.table import Caller
from conduit_router.storage import StorageClient

OWNER = 5
URL = "/v1/embeddings"
CALLER = Caller(OWNER, is_enabled=True, expires_at=0.0, allowed=None)

# Makes a call, given the text that is asked about.
Embed = Callable[[str], Awaitable[bytes]]


class BatchBench:
    """What works on batches, as routers do."""

    def __init__(self, client: StorageClient, clock: Callable[[], float]) -> None:
        self.vault, self.ids = Vault(bytes(range(32))), IdSource()
        self.storage = BatchStorage(client)
        self.files = FileKeeper(FileStorage(client), self.vault, self.ids)
        self.clock = clock
        # What calls were made about, as often as they were.
        self.asked = Counter[str]()
        self.refusal: ConduitError | None = None
        self.most_calls = 4

    async def batch(self, *texts: str) -> Batch:
        """Store a batch that asks about texts."""
        lines = [
            {"custom_id": text, "url": URL, "body": {"model": "m", "input": text}} for text in texts
        ]
        content = "\n".join(map(json.dumps, lines)).encode()

        async def given() -> AsyncIterator[bytes]:
            yield content

        begun = BeginFileRequest(virtual_key_id=OWNER, filename="in", purpose="batch")
        file = await self.files.write(begun, given())
        batch = Batch(id=f"batch_{self.ids.next()}", endpoint=URL, input_file_id=file.id)
        return await self.storage.create(KeptBatch(batch=batch, virtual_key_id=OWNER))

    async def claimed(self, router_id: str = "router") -> KeptBatch:
        """Lease the batch that nobody works on."""
        (kept,) = (await self.storage.claim(router_id, [], 1)).claimed
        return kept

    def recorder(self, kept: KeptBatch, router_id: str = "router") -> BatchRecorder:
        """Return what records a batch."""
        return BatchRecorder(
            kept, self.storage, self.vault, self.ids, router_id, pause_seconds=0.01
        )

    def run(self, kept: KeptBatch, embed: Embed, router_id: str = "router") -> BatchRun:
        """Return the work on a batch."""
        return BatchRun(kept, self.recorder(kept, router_id), self.parts(embed))

    def parts(self, embed: Embed) -> RunParts:
        """Return what batches are worked on with."""

        async def rpc(request: Any, _: CallerContext) -> EmbedResponse:  # noqa: ANN401 # of the RPC
            text = json.loads(request.json)["input"]
            self.asked[text] += 1
            return EmbedResponse(json=await embed(text))

        places = asyncio.Semaphore(self.most_calls)
        calls = BatchCalls(_All(rpc))
        return RunParts(self.files, calls, self._caller, self.clock, places, self.most_calls)

    def _caller(self, virtual_key_id: int) -> Caller:
        assert virtual_key_id == OWNER
        if self.refusal is not None:
            raise self.refusal
        return CALLER

    async def results(self, batch_id: str) -> "Results":
        """Return a batch with the lines that it has written."""
        batch = await self.storage.batch(OWNER, batch_id)
        return Results(
            batch,
            await self._lines(batch.output_file_id),
            await self._lines(batch.error_file_id),
        )

    async def _lines(self, file_id: str) -> dict[str, Any]:
        if not file_id:
            return {}
        content = b"".join([piece async for piece in self.files.read(OWNER, file_id)])
        lines = [json.loads(line) for line in content.splitlines()]
        found = {line["custom_id"]: line for line in lines}
        assert len(found) == len(lines)
        return found


class Results(NamedTuple):
    """What a batch came to; lines by their custom id."""

    batch: Batch
    output: dict[str, Any]
    errors: dict[str, Any]


class _All(dict[str, Any]):
    """RPCs that are all the same one."""

    def __init__(self, rpc: object) -> None:
        super().__init__()
        self._rpc = rpc

    def __missing__(self, name: str) -> object:
        return self._rpc


class Clock:
    """Goes on from now as a test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StorageHost]:
    """Return a Storage service that runs."""
    made = StorageHost(tmp_path, file_key_bytes=60_000)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
async def bench(host: StorageHost, clock: Clock) -> AsyncIterator[BatchBench]:
    """Return what works on batches."""
    channel = connect(host.address)
    try:
        yield BatchBench(StorageClient(channel, service_metadata_of(ENCRYPTION_KEY)), clock)
    finally:
        await channel.close()
