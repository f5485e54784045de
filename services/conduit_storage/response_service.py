"""The ResponseStorageService: what routers ask of Storage about responses."""

from collections.abc import Callable

from conduit.internal.v1 import response_storage_service_pb2 as pb
from conduit.internal.v1.response_storage_service_pb2_grpc import ResponseStorageServiceServicer
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import ResponseNotFound
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_storage.responses.store import ResponseStore

# Of an id, which a provider may have made.
MAX_ID = 256


class ResponseStorageService(ResponseStorageServiceServicer):
    """Answers routers."""

    def __init__(self, store: ResponseStore, clock: Callable[[], float]) -> None:
        """Take where responses are kept, and a clock of seconds since 1970."""
        self._store = store
        self._clock = clock

    async def KeepResponses(
        self, request: pb.KeepResponsesRequest, context: Context
    ) -> pb.KeepResponsesResponse:
        """Store responses."""
        for response in request.responses:
            if not 0 < len(response.id) <= MAX_ID:
                message = f"id must have from 1 to {MAX_ID} characters"
                raise InvalidRequest(message, field="responses.id")
        refused = await self._store.keep(request.responses, self._clock())
        return pb.KeepResponsesResponse(refused_ids=refused)

    async def GetKeptResponse(
        self, request: pb.GetKeptResponseRequest, context: Context
    ) -> pb.GetKeptResponseResponse:
        """Return a response, and those that it goes on from."""
        owner, asked = request.virtual_key_id, request.id
        found = await self._store.response(owner, asked, self._clock())
        if not found:
            raise _not_found(asked)
        return pb.GetKeptResponseResponse(responses=found)

    async def DeleteKeptResponse(
        self, request: pb.DeleteKeptResponseRequest, context: Context
    ) -> pb.DeleteKeptResponseResponse:
        """Delete a response."""
        if not await self._store.delete(request.virtual_key_id, request.id, self._clock()):
            raise _not_found(request.id)
        return pb.DeleteKeptResponseResponse()


def _not_found(response_id: str) -> ResponseNotFound:
    return ResponseNotFound(f"There is no response {response_id}", response_id=response_id)
