"""Requests are found on the routers and in the log, each once."""

from collections.abc import Sequence

from conduit.internal.v1.request_log_service_pb2 import FindLoggedRequestsResponse
from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit.v1.request_record_pb2 import RequestRecord
from conduit_kernel.errors import ServiceUnavailable
from conduit_router.trail.finding import RequestFinder
from conduit_router.trail.recent_calls import FoundRequests


def requests(places: str, code: str) -> list[FoundRequest]:
    """Return requests at places, each a letter."""
    return [FoundRequest(place=each, record=RequestRecord(id=each, code=code)) for each in places]


def finder(
    recent: str, logged: str | None, *, until: str = "", is_partial: bool = False
) -> RequestFinder:
    """Return what finds the requests that routers have, and the log; None if it is away."""

    async def on_routers(_: RequestLookup) -> FoundRequests:
        return FoundRequests(requests(recent, "ROUTERS"), is_partial)

    async def in_log(_: RequestLookup) -> FindLoggedRequestsResponse:
        if logged is None:
            raise ServiceUnavailable("away", service="storage")
        return FindLoggedRequestsResponse(found=requests(logged, "LOGS"), looked_until=until)

    return RequestFinder(on_routers, in_log)


def told(found: Sequence[FoundRequest]) -> str:
    """Return where requests are, as a text; those that the log alone has as capitals."""
    return "".join(
        each.place if each.record.code == "ROUTERS" else each.place.upper() for each in found
    )


async def test_what_both_have_is_told_once() -> None:
    """As the routers tell it, which have more to tell; in order, and as many as are asked for."""
    found = await finder("abd", "bcdef").find(RequestLookup(limit=5))
    assert (told(found.found), found.is_partial, found.looked_until) == ("abCdE", False, "")


async def test_a_log_that_looked_at_some_says_how_far_it_is() -> None:
    """What routers have behind that comes with the next page: something may be between."""
    found = await finder("bz", "d", until="m").find(RequestLookup(limit=5))
    assert (told(found.found), found.looked_until) == ("bD", "m")
    full = await finder("bz", "d", until="m").find(RequestLookup(limit=2))
    assert (told(full.found), full.looked_until) == ("bD", "")


async def test_whoever_is_away_makes_it_partial() -> None:
    """Routers or the log; what the others have is told."""
    away = await finder("ab", None).find(RequestLookup(limit=5))
    assert (told(away.found), away.is_partial) == ("ab", True)
    silent = await finder("a", "b", is_partial=True).find(RequestLookup(limit=5))
    assert (told(silent.found), silent.is_partial) == ("aB", True)


async def test_one_request_is_looked_for_where_more_is_known_first() -> None:
    """In the log only where no router remembers it."""
    lookup = RequestLookup(request_id="x", limit=1)
    assert told((await finder("a", "a").find(lookup)).found) == "a"
    assert told((await finder("", "a").find(lookup)).found) == "A"
    missing = await finder("", None).find(lookup)
    assert (told(missing.found), missing.is_partial) == ("", True)
