"""What is asked of Storage about the log of requests."""

from typing import TYPE_CHECKING

from conduit.internal.v1 import request_log_service_pb2 as pb
from conduit.internal.v1.request_log_service_pb2_grpc import RequestLogServiceStub
from conduit.internal.v1.request_lookup_pb2 import RequestLookup
from conduit_router.storage import StorageClient

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.request_log_service_pb2_grpc import RequestLogServiceAsyncStub


class RequestLogStorage:
    """Asks Storage about requests. ServiceUnavailable while it is away."""

    def __init__(self, client: StorageClient) -> None:
        self._ask = client.ask
        self._stub: RequestLogServiceAsyncStub = RequestLogServiceStub(client.channel)

    async def add(self, request: pb.LogRequestsRequest) -> None:
        """Store the ends of requests."""
        await self._ask(self._stub.LogRequests, request)

    async def find(self, lookup: RequestLookup) -> pb.FindLoggedRequestsResponse:
        """Return the requests that are looked for, newest first."""
        request = pb.FindLoggedRequestsRequest(lookup=lookup)
        return await self._ask(self._stub.FindLoggedRequests, request)
