"""The BatchStorageService: what routers ask of Storage about batches, and what it answers."""

from collections.abc import Callable

from conduit.internal.v1 import batch_storage_service_pb2 as pb
from conduit.internal.v1.batch_storage_service_pb2_grpc import BatchStorageServiceServicer
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_storage.batches.store import OUTCOMES, BatchStore

MAX_ID = 64
MAX_LISTED = 100
# Of those that a router holds, or takes at once.
MAX_CLAIMED = 1000


class BatchStorageService(BatchStorageServiceServicer):
    """Answers routers."""

    def __init__(self, store: BatchStore, clock: Callable[[], float]) -> None:
        """Take where batches are kept, and a clock of seconds since 1970."""
        self._store = store
        self._clock = clock

    async def CreateBatch(
        self, request: pb.CreateBatchRequest, context: Context
    ) -> pb.CreateBatchResponse:
        """Store a batch."""
        if not 0 < len(request.batch.batch.id) <= MAX_ID:
            raise InvalidRequest(f"id must have from 1 to {MAX_ID} characters", field="batch.id")
        made = await self._store.create(request.batch, self._clock())
        return pb.CreateBatchResponse(batch=made)

    async def GetBatch(self, request: pb.GetBatchRequest, context: Context) -> pb.GetBatchResponse:
        """Return a batch."""
        found = await self._store.batch(request.virtual_key_id, request.id)
        return pb.GetBatchResponse(batch=found)

    async def ListBatches(
        self, request: pb.ListBatchesRequest, context: Context
    ) -> pb.ListBatchesResponse:
        """Return a page of an owner's batches."""
        if not 0 < request.limit <= MAX_LISTED:
            raise InvalidRequest(f"limit must be from 1 to {MAX_LISTED}", field="limit")
        owner = request.virtual_key_id
        batches, has_more = await self._store.batches(owner, request.after, request.limit)
        return pb.ListBatchesResponse(batches=batches, has_more=has_more)

    async def CancelBatch(
        self, request: pb.CancelBatchRequest, context: Context
    ) -> pb.CancelBatchResponse:
        """Take a batch back."""
        found = await self._store.cancel(request.virtual_key_id, request.id, self._clock())
        return pb.CancelBatchResponse(batch=found)

    async def ClaimBatches(
        self, request: pb.ClaimBatchesRequest, context: Context
    ) -> pb.ClaimBatchesResponse:
        """Lease batches to a router."""
        if not request.router_id:
            raise InvalidRequest("routerId is required", field="routerId")
        if max(len(request.ids), request.room) > MAX_CLAIMED:
            message = f"At most {MAX_CLAIMED} batches can be held at a time"
            raise InvalidRequest(message, field="room")
        found = await self._store.claim(request.router_id, request.ids, request.room, self._clock())
        return pb.ClaimBatchesResponse(
            claimed=found.claimed, lost_ids=found.lost, cancelling_ids=found.cancelling
        )

    async def RecordBatch(
        self, request: pb.RecordBatchRequest, context: Context
    ) -> pb.RecordBatchResponse:
        """Store how far a batch is."""
        if request.outcome and request.outcome not in OUTCOMES:
            raise InvalidRequest("outcome must be one that ends a batch", field="outcome")
        return await self._store.record(request, self._clock())

    async def ReleaseBatches(
        self, request: pb.ReleaseBatchesRequest, context: Context
    ) -> pb.ReleaseBatchesResponse:
        """Give batches up."""
        await self._store.release(request.router_id, request.ids)
        return pb.ReleaseBatchesResponse()
