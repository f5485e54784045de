"""The RequestLogService: what routers tell Storage of requests, and what it answers."""

from collections.abc import Callable

from conduit.internal.v1 import request_log_service_pb2 as pb
from conduit.internal.v1.request_log_service_pb2_grpc import RequestLogServiceServicer
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_storage.request_log.search import RequestSearch
from conduit_storage.request_log.store import RequestLogStore


class RequestLogService(RequestLogServiceServicer):
    """Answers routers."""

    def __init__(
        self, store: RequestLogStore, search: RequestSearch, clock: Callable[[], float]
    ) -> None:
        """Take where requests are kept, what finds them, and a clock of seconds since 1970."""
        self._store = store
        self._search = search
        self._clock = clock

    async def LogRequests(
        self, request: pb.LogRequestsRequest, context: Context
    ) -> pb.LogRequestsResponse:
        """Store the ends of requests."""
        await self._store.add(request, self._clock())
        return pb.LogRequestsResponse()

    async def FindLoggedRequests(
        self, request: pb.FindLoggedRequestsRequest, context: Context
    ) -> pb.FindLoggedRequestsResponse:
        """Return the requests that are looked for."""
        found = await self._search.find(request.lookup)
        return pb.FindLoggedRequestsResponse(found=found.requests, looked_until=found.looked_until)
