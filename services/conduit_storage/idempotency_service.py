"""The IdempotencyStorageService: what routers ask of Storage about idempotency keys."""

from collections.abc import Callable

from conduit.internal.v1 import idempotency_storage_service_pb2 as pb
from conduit.internal.v1.idempotency_storage_service_pb2_grpc import (
    IdempotencyStorageServiceServicer,
)
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_storage.idempotency.store import IdempotencyStore

HASH_BYTES = 32


class IdempotencyStorageService(IdempotencyStorageServiceServicer):
    """Answers routers."""

    def __init__(self, store: IdempotencyStore, clock: Callable[[], float]) -> None:
        """Take where calls are kept, and a clock of seconds since 1970."""
        self._store = store
        self._clock = clock

    async def ClaimIdempotencyKey(
        self, request: pb.ClaimIdempotencyKeyRequest, context: Context
    ) -> pb.ClaimIdempotencyKeyResponse:
        """Claim a key for a call, or tell what became of the call that has it."""
        if len(request.fingerprint) != HASH_BYTES:
            raise InvalidRequest(f"fingerprint must have {HASH_BYTES} bytes", field="fingerprint")
        claim = _checked(request.claim)
        standing = await self._store.claim(claim, request.fingerprint, self._clock())
        return pb.ClaimIdempotencyKeyResponse(state=standing.state, result=standing.result)

    async def RenewIdempotencyClaim(
        self, request: pb.RenewIdempotencyClaimRequest, context: Context
    ) -> pb.RenewIdempotencyClaimResponse:
        """Note that a call is under way."""
        await self._store.renew(_checked(request.claim), self._clock())
        return pb.RenewIdempotencyClaimResponse()

    async def KeepIdempotentResult(
        self, request: pb.KeepIdempotentResultRequest, context: Context
    ) -> pb.KeepIdempotentResultResponse:
        """Keep what a call came to."""
        claim = _checked(request.claim)
        is_kept = await self._store.keep(claim, request.result, self._clock())
        return pb.KeepIdempotentResultResponse(is_kept=is_kept)

    async def ReleaseIdempotencyKey(
        self, request: pb.ReleaseIdempotencyKeyRequest, context: Context
    ) -> pb.ReleaseIdempotencyKeyResponse:
        """Give a key up whose call failed."""
        await self._store.release(_checked(request.claim))
        return pb.ReleaseIdempotencyKeyResponse()


def _checked(claim: pb.IdempotencyClaim) -> pb.IdempotencyClaim:
    if len(claim.key_hash) != HASH_BYTES:
        raise InvalidRequest(f"keyHash must have {HASH_BYTES} bytes", field="claim.keyHash")
    if not claim.id:
        raise InvalidRequest("id is required", field="claim.id")
    return claim
