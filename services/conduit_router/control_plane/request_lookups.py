"""Finds recent requests on all routers, and answers for this one. Health passes questions on."""

from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.request_lookup_pb2 import RequestLookup
from conduit.internal.v1.request_lookup_service_pb2 import (
    AnswerLookupRequest,
    FindRequestsRequest,
    WatchLookupsRequest,
    WatchLookupsResponse,
)
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_router.trail.recent_calls import FoundRequests, RecentCalls

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.request_lookup_service_pb2_grpc import RequestLookupServiceAsyncStub

# Longer than Health waits for the routers.
FIND_SECONDS = 3.0
ANSWER_SECONDS = 3.0


class RequestLookups:
    """Asks the other routers, and is asked by them."""

    def __init__(
        self,
        stub: "RequestLookupServiceAsyncStub",
        recent: RecentCalls,
        metadata: tuple[tuple[str, str], ...],
        router_id: str,
    ) -> None:
        """Take by which name Health knows this router."""
        self._stub = stub
        self._recent = recent
        self._metadata = metadata
        self._router_id = router_id
        self._stream = WatchStream(self._open)

    async def find(self, lookup: RequestLookup) -> FoundRequests:
        """Return what this router and all others remember, newest first."""
        own = self._recent.find(lookup)
        request = FindRequestsRequest(router_id=self._router_id, lookup=lookup)
        try:
            others = await self._stub.FindRequests(
                request, metadata=self._metadata, timeout=FIND_SECONDS
            )
        except grpc.RpcError:
            return FoundRequests(own, is_partial=True)
        found = sorted([*own, *others.found], key=lambda each: each.place)
        most = 1 if lookup.request_id else lookup.limit
        return FoundRequests(found[:most], is_partial=others.silent_routers > 0)

    async def answer(self) -> None:
        """Answer the next question: a step of a loop."""
        message = await self._stream.read()
        if message.lookup_id:
            answer = AnswerLookupRequest(
                router_id=self._router_id,
                lookup_id=message.lookup_id,
                found=self._recent.find(message.lookup),
            )
            await self._stub.AnswerLookup(answer, metadata=self._metadata, timeout=ANSWER_SECONDS)

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchLookupsRequest, WatchLookupsResponse]":
        request = WatchLookupsRequest(router_id=self._router_id)
        return self._stub.WatchLookups(request, metadata=self._metadata)
