"""Passes questions for recent requests on to the routers, and their answers back.

Nothing is kept: what a router remembers stays there, so that calls cost nothing here.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from conduit.internal.v1 import request_lookup_service_pb2 as pb
from conduit.internal.v1.request_lookup_pb2 import FoundRequest
from conduit.internal.v1.request_lookup_service_pb2_grpc import RequestLookupServiceServicer
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.rpc.auth_interceptor import Context

# Routers that have not answered by then are silent.
ANSWER_SECONDS = 1.0
# Who watches takes silence of three times as long for a lost connection.
SIGN_OF_LIFE_SECONDS = 10.0
# At the same time; an operator asks one after the other.
MAX_LOOKUPS = 100
MAX_FOUND = 1_001


class _Lookup:
    """A question on its way: whose answers are missing, and what was found."""

    def __init__(self, routers: set[str]) -> None:
        self.missing = routers
        self.found: list[FoundRequest] = []
        self.is_answered = asyncio.Event()

    def take(self, router_id: str, found: list[FoundRequest]) -> None:
        """Take a router's answer, once."""
        if router_id in self.missing:
            self.missing.discard(router_id)
            self.found += found
            if not self.missing:
                self.is_answered.set()


class RequestLookupService(RequestLookupServiceServicer):
    """Answers Conduit's own services."""

    def __init__(self, next_id: Callable[[], str], answer_seconds: float = ANSWER_SECONDS) -> None:
        """Take what names questions."""
        self._next_id = next_id
        self._answer_seconds = answer_seconds
        # What each router is still to be told; None ends its stream.
        self._routers: dict[str, asyncio.Queue[pb.WatchLookupsResponse | None]] = {}
        self._lookups: dict[str, _Lookup] = {}
        self._is_closed = False

    async def FindRequests(
        self, request: pb.FindRequestsRequest, context: Context
    ) -> pb.FindRequestsResponse:
        """Ask all routers but the one that asks; wait for their answers, but not for long."""
        if not 0 <= request.lookup.limit <= MAX_FOUND:
            raise InvalidRequest(f"limit must be at most {MAX_FOUND}", field="lookup.limit")
        if len(self._lookups) >= MAX_LOOKUPS:
            raise ServiceUnavailable("Too many requests are looked for just now", service="health")
        asked = self._routers.keys() - {request.router_id}
        if not asked:
            return pb.FindRequestsResponse()
        lookup_id, lookup = self._next_id(), _Lookup(asked)
        self._lookups[lookup_id] = lookup
        try:
            for router_id in sorted(asked):
                message = pb.WatchLookupsResponse(lookup_id=lookup_id, lookup=request.lookup)
                self._routers[router_id].put_nowait(message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._answer_seconds):
                    await lookup.is_answered.wait()
        finally:
            del self._lookups[lookup_id]
        found = sorted(lookup.found, key=lambda each: each.place)
        most = 1 if request.lookup.request_id else request.lookup.limit
        return pb.FindRequestsResponse(found=found[:most], silent_routers=len(lookup.missing))

    async def WatchLookups(
        self, request: pb.WatchLookupsRequest, context: Context
    ) -> AsyncIterator[pb.WatchLookupsResponse]:
        """Stream what a router is asked."""
        waiting: asyncio.Queue[pb.WatchLookupsResponse | None] = asyncio.Queue()
        self._routers[request.router_id] = waiting
        try:
            # So that it is known from when on it is asked.
            message: pb.WatchLookupsResponse | None = pb.WatchLookupsResponse()
            while message is not None and not self._is_closed:
                yield message
                message = await _next(waiting)
        finally:
            # One that came back has another stream by now.
            if self._routers.get(request.router_id) is waiting:
                del self._routers[request.router_id]

    async def AnswerLookup(
        self, request: pb.AnswerLookupRequest, context: Context
    ) -> pb.AnswerLookupResponse:
        """Take an answer to a question that is still open."""
        lookup = self._lookups.get(request.lookup_id)
        if lookup is not None:
            lookup.take(request.router_id, list(request.found[:MAX_FOUND]))
        return pb.AnswerLookupResponse()

    def end_watches(self) -> None:
        """End all streams, so that a draining server need not wait for them."""
        self._is_closed = True
        for waiting in self._routers.values():
            waiting.put_nowait(None)


async def _next(
    waiting: "asyncio.Queue[pb.WatchLookupsResponse | None]",
) -> pb.WatchLookupsResponse | None:
    """Return the next message, None at the end; one of nothing as a sign of life."""
    try:
        async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
            return await waiting.get()
    except TimeoutError:
        return pb.WatchLookupsResponse()
