"""What is asked of Storage about idempotency keys."""

from typing import TYPE_CHECKING

from conduit.internal.v1 import idempotency_storage_service_pb2 as pb
from conduit.internal.v1.idempotency_storage_service_pb2_grpc import IdempotencyStorageServiceStub
from conduit_router.storage import StorageClient

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.idempotency_storage_service_pb2_grpc import (
        IdempotencyStorageServiceAsyncStub,
    )


class IdempotencyStorage:
    """Asks Storage about idempotency keys. ServiceUnavailable while it is away."""

    def __init__(self, client: StorageClient) -> None:
        self._ask = client.ask
        stub: IdempotencyStorageServiceAsyncStub = IdempotencyStorageServiceStub(client.channel)
        self._stub = stub

    async def claim(
        self, claim: pb.IdempotencyClaim, fingerprint: bytes
    ) -> pb.ClaimIdempotencyKeyResponse:
        """Claim a key for a call. StorageFull if its owner has no room for it."""
        request = pb.ClaimIdempotencyKeyRequest(claim=claim, fingerprint=fingerprint)
        return await self._ask(self._stub.ClaimIdempotencyKey, request)

    async def renew(self, claim: pb.IdempotencyClaim) -> None:
        """Say that a call is still under way."""
        request = pb.RenewIdempotencyClaimRequest(claim=claim)
        await self._ask(self._stub.RenewIdempotencyClaim, request)

    async def keep(self, claim: pb.IdempotencyClaim, result: bytes) -> bool:
        """Keep what a call came to, sealed; return whether there was room for it."""
        request = pb.KeepIdempotentResultRequest(claim=claim, result=result)
        return (await self._ask(self._stub.KeepIdempotentResult, request)).is_kept

    async def release(self, claim: pb.IdempotencyClaim) -> None:
        """Give a key up whose call failed."""
        request = pb.ReleaseIdempotencyKeyRequest(claim=claim)
        await self._ask(self._stub.ReleaseIdempotencyKey, request)
