"""What is asked of Storage about batches."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit.internal.v1 import batch_storage_service_pb2 as pb
from conduit.internal.v1.batch_storage_service_pb2_grpc import BatchStorageServiceStub
from conduit.v1.batch_pb2 import Batch
from conduit_router.storage import StorageClient

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.batch_storage_service_pb2_grpc import BatchStorageServiceAsyncStub


class BatchStorage:
    """Asks Storage about batches. ServiceUnavailable while it is away.

    BatchNotFound where the owner has no batch of an id.
    """

    def __init__(self, client: StorageClient) -> None:
        self._ask = client.ask
        # Set when a batch was made or taken back here, so that nobody waits for the next question.
        self.changed = asyncio.Event()
        self._stub: BatchStorageServiceAsyncStub = BatchStorageServiceStub(client.channel)

    async def create(self, batch: pb.KeptBatch) -> Batch:
        """Store a batch. FileNotFound without its file."""
        request = pb.CreateBatchRequest(batch=batch)
        made = (await self._ask(self._stub.CreateBatch, request)).batch
        self.changed.set()
        return made

    async def batch(self, virtual_key_id: int, batch_id: str) -> Batch:
        """Return a batch."""
        request = pb.GetBatchRequest(virtual_key_id=virtual_key_id, id=batch_id)
        return (await self._ask(self._stub.GetBatch, request)).batch

    async def batches(
        self, virtual_key_id: int, after: str, limit: int
    ) -> tuple[Sequence[Batch], bool]:
        """Return a page of an owner's batches, newest first, and whether there are more."""
        request = pb.ListBatchesRequest(virtual_key_id=virtual_key_id, after=after, limit=limit)
        answer = await self._ask(self._stub.ListBatches, request)
        return answer.batches, answer.has_more

    async def cancel(self, virtual_key_id: int, batch_id: str) -> Batch:
        """Take a batch back."""
        request = pb.CancelBatchRequest(virtual_key_id=virtual_key_id, id=batch_id)
        batch = (await self._ask(self._stub.CancelBatch, request)).batch
        self.changed.set()
        return batch

    async def claim(self, router_id: str, ids: Sequence[str], room: int) -> pb.ClaimBatchesResponse:
        """Say what is worked on, and take what nobody works on."""
        request = pb.ClaimBatchesRequest(router_id=router_id, ids=ids, room=room)
        return await self._ask(self._stub.ClaimBatches, request)

    async def record(self, request: pb.RecordBatchRequest) -> pb.RecordBatchResponse:
        """Store how far a batch is."""
        return await self._ask(self._stub.RecordBatch, request)

    async def release(self, router_id: str, ids: Sequence[str]) -> None:
        """Give batches up."""
        request = pb.ReleaseBatchesRequest(router_id=router_id, ids=ids)
        await self._ask(self._stub.ReleaseBatches, request)
