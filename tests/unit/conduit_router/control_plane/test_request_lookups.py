"""What this router remembers, and what the others do, as one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.call_bench import Bench
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit.internal.v1.request_lookup_service_pb2 import (
    DESCRIPTOR,
    AnswerLookupRequest,
    AnswerLookupResponse,
    FindRequestsRequest,
    FindRequestsResponse,
    WatchLookupsRequest,
    WatchLookupsResponse,
)
from conduit.internal.v1.request_lookup_service_pb2_grpc import RequestLookupServiceStub
from conduit.v1.request_record_pb2 import RequestRecord
from conduit_kernel.rpc import connect
from conduit_router.control_plane.request_lookups import RequestLookups
from conduit_router.trail.recent_calls import RecentCalls

SERVICE = DESCRIPTOR.services_by_name["RequestLookupService"]
# Behind and before anything of ours.
LAST, FIRST = "9" * 20, "0" * 20


@pytest.fixture
def recent(tmp_path: Path) -> RecentCalls:
    """Return the memory of a router that made one call, of the id `req_1`."""
    bench, made = Bench(tmp_path), RecentCalls(10)
    bench.runtime.end_listeners = (made.listener,)
    with bench.admit() as scope:
        scope.succeed(bench.begun(scope))
    return made


def found(name: str, place: str) -> FoundRequest:
    """Return what another router found."""
    return FoundRequest(place=place, record=RequestRecord(id=name))


@pytest.mark.parametrize("silent", [0, 1])
async def test_all_are_found_in_order(recent: RecentCalls, silent: int) -> None:
    """Those of others beside one's own; who did not answer is told of."""

    async def find(request: FindRequestsRequest, _context: object) -> FindRequestsResponse:
        assert request.router_id == "r1"
        others = [found("req_new", FIRST), found("req_old", LAST)]
        return FindRequestsResponse(found=others, silent_routers=silent)

    async with serve_rpcs(SERVICE, FindRequests=find) as channel:
        lookups = RequestLookups(RequestLookupServiceStub(channel), recent, (), "r1")
        listed = await lookups.find(RequestLookup(limit=9))
        assert [each.record.id for each in listed.found] == ["req_new", "req_1", "req_old"]
        assert listed.is_partial is bool(silent)
        assert len((await lookups.find(RequestLookup(limit=2))).found) == 2
        newest = await lookups.find(RequestLookup(request_id="req_1"))
        assert [each.record.id for each in newest.found] == ["req_new"]


async def test_where_health_is_away_ones_own_are_found(recent: RecentCalls) -> None:
    """And that there may be others is said."""
    channel = connect("127.0.0.1:1")
    lookups = RequestLookups(RequestLookupServiceStub(channel), recent, (), "r1")
    listed = await lookups.find(RequestLookup(limit=9))
    assert [each.record.id for each in listed.found] == ["req_1"]
    assert listed.is_partial
    await channel.close()


async def test_questions_are_answered_and_signs_of_life_are_not(recent: RecentCalls) -> None:
    """By the question's name and the router's."""
    answers = asyncio.Queue[AnswerLookupRequest]()

    async def watch(
        _: WatchLookupsRequest, _context: object
    ) -> AsyncIterator[WatchLookupsResponse]:
        yield WatchLookupsResponse()
        yield WatchLookupsResponse(lookup_id="q1", lookup=RequestLookup(request_id="req_1"))
        yield WatchLookupsResponse(lookup_id="q2", lookup=RequestLookup(request_id="req_2"))

    async def take(request: AnswerLookupRequest, _context: object) -> AnswerLookupResponse:
        answers.put_nowait(request)
        return AnswerLookupResponse()

    async with serve_rpcs(SERVICE, WatchLookups=watch, AnswerLookup=take) as channel:
        lookups = RequestLookups(RequestLookupServiceStub(channel), recent, (), "r1")
        for _ in range(3):
            await lookups.answer()
    first, second = answers.get_nowait(), answers.get_nowait()
    assert answers.empty()
    assert (first.router_id, first.lookup_id) == ("r1", "q1")
    assert [each.record.id for each in first.found] == ["req_1"]
    assert (second.lookup_id, len(second.found)) == ("q2", 0)
