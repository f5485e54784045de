"""Finds requests where they are: those of just now on the routers, all others in the log."""

import asyncio
from collections.abc import Awaitable, Callable

from conduit.internal.v1 import request_log_service_pb2 as pb
from conduit.internal.v1.request_lookup_pb2 import RequestLookup
from conduit_kernel.errors import ServiceUnavailable
from conduit_router.trail.recent_calls import FoundRequests

FindRecent = Callable[[RequestLookup], Awaitable[FoundRequests]]
FindLogged = Callable[[RequestLookup], Awaitable[pb.FindLoggedRequestsResponse]]


class RequestFinder:
    """Asks both, and tells each request once."""

    def __init__(self, recent: FindRecent, logged: FindLogged) -> None:
        """Take what asks all routers, and what asks the log."""
        self._recent = recent
        self._logged = logged

    async def find(self, lookup: RequestLookup) -> FoundRequests:
        """Return the requests that are looked for, newest first."""
        if lookup.request_id:
            return await self._one(lookup)
        recent, (logged, is_away) = await asyncio.gather(
            self._recent(lookup), self._from_log(lookup)
        )
        # What both have is the same; the routers' has more to tell.
        found = {each.place: each for each in (*logged.found, *recent.found)}
        until = logged.looked_until
        places = sorted(place for place in found if not until or place <= until)
        first = [found[place] for place in places[: lookup.limit]]
        is_cut = len(first) >= lookup.limit
        is_partial = recent.is_partial or is_away
        return FoundRequests(first, is_partial, looked_until="" if is_cut else until)

    async def _one(self, lookup: RequestLookup) -> FoundRequests:
        recent = await self._recent(lookup)
        if recent.found:
            return recent
        logged, is_away = await self._from_log(lookup)
        return FoundRequests(list(logged.found), recent.is_partial or is_away)

    async def _from_log(self, lookup: RequestLookup) -> tuple[pb.FindLoggedRequestsResponse, bool]:
        """Return what the log has, and whether it is away."""
        try:
            return await self._logged(lookup), False
        except ServiceUnavailable:
            return pb.FindLoggedRequestsResponse(), True
