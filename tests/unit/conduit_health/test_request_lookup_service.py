"""Questions for recent requests reach all other routers; a silent one is not waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import cast

import pytest

from conduit.internal.v1 import request_lookup_service_pb2 as pb
from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit_health import request_lookup_service
from conduit_health.request_lookup_service import MAX_LOOKUPS, RequestLookupService
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.rpc.auth_interceptor import Context

CONTEXT = cast("Context", None)
LIST = RequestLookup(limit=10)


def service(answer_seconds: float = 10.0) -> RequestLookupService:
    """Return a service that names its questions by numbers."""
    numbers = count(1)
    return RequestLookupService(lambda: f"q{next(numbers)}", answer_seconds)


class Router:
    """One that watches."""

    def __init__(
        self,
        served: RequestLookupService,
        name: str,
        stream: AsyncIterator[pb.WatchLookupsResponse],
    ) -> None:
        self.name = name
        self._served = served
        self._stream = stream

    async def answer(self, *places: str) -> RequestLookup:
        """Answer the next question with what is at some places; return it."""
        question = await anext(self._stream)
        answer = pb.AnswerLookupRequest(
            router_id=self.name,
            lookup_id=question.lookup_id,
            found=[FoundRequest(place=place) for place in places],
        )
        await self._served.AnswerLookup(answer, CONTEXT)
        return question.lookup


@asynccontextmanager
async def watching(served: RequestLookupService, name: str) -> AsyncIterator[Router]:
    """Watch as a router, from the first sign of life on."""
    request = pb.WatchLookupsRequest(router_id=name)
    stream = served.WatchLookups(request, CONTEXT)
    assert not (await anext(stream)).lookup_id
    try:
        yield Router(served, name, stream)
    finally:
        await stream.aclose()  # type: ignore[attr-defined] # it is a generator


async def find(
    served: RequestLookupService, lookup: RequestLookup = LIST, by: str = "r0"
) -> pb.FindRequestsResponse:
    """Ask as a router."""
    request = pb.FindRequestsRequest(router_id=by, lookup=lookup)
    return await served.FindRequests(request, CONTEXT)


async def test_all_but_the_one_that_asks_are_asked() -> None:
    """Their answers come in one order, and no more than were asked for."""
    served = service()
    async with (
        watching(served, "r0"),
        watching(served, "r1") as one,
        watching(served, "r2") as other,
    ):
        asking = asyncio.create_task(find(served, RequestLookup(limit=3)))
        lookups = [await one.answer("2", "4"), await other.answer("1", "3")]
        answer = await asking
    assert lookups == [RequestLookup(limit=3)] * 2
    assert ([each.place for each in answer.found], answer.silent_routers) == (["1", "2", "3"], 0)


async def test_who_is_alone_is_answered_at_once() -> None:
    """There is nobody to wait for, nor is there once the others have left."""
    served = service()
    async with watching(served, "r0"), watching(served, "r1"):
        pass
    async with watching(served, "r0"):
        assert await find(served) == pb.FindRequestsResponse()


async def test_a_silent_router_is_not_waited_for_and_its_late_answer_is_let_go() -> None:
    """What the others found is there; how many were silent is said."""
    served = service(0.05)
    async with watching(served, "r1") as one, watching(served, "r2") as late:
        asking = asyncio.create_task(find(served))
        await one.answer("1")
        answer = await asking
        await late.answer("0")
    assert ([each.place for each in answer.found], answer.silent_routers) == (["1"], 1)


async def test_an_answer_counts_once_and_for_its_own_question() -> None:
    """Whatever a router sends twice, or makes up."""
    served = service()
    async with watching(served, "r1") as one, watching(served, "r2") as other:
        asking = asyncio.create_task(find(served))
        await one.answer("1")
        for lookup_id in ("q1", "q9"):
            again = pb.AnswerLookupRequest(
                router_id="r1", lookup_id=lookup_id, found=[FoundRequest(place="7")]
            )
            await served.AnswerLookup(again, CONTEXT)
        await other.answer("2")
        assert [each.place for each in (await asking).found] == ["1", "2"]


async def test_a_router_that_comes_back_is_asked_on_its_new_stream() -> None:
    """The end of the old one takes nothing away."""
    served = service()
    async with watching(served, "r1") as old:
        async with watching(served, "r1") as new:
            asking = asyncio.create_task(find(served))
            await new.answer("1")
            assert len((await asking).found) == 1
        assert old.name == new.name
    assert await find(served) == pb.FindRequestsResponse()


async def test_too_many_questions_at_once_are_refused() -> None:
    """And questions for too much."""
    served = service(0.05)
    async with watching(served, "r1"):
        asking = [asyncio.create_task(find(served)) for _ in range(MAX_LOOKUPS)]
        await asyncio.sleep(0)
        with pytest.raises(ServiceUnavailable):
            await find(served)
        await asyncio.gather(*asking)
        assert (await find(served)).silent_routers == 1
    for limit in (-1, 1_002):
        with pytest.raises(InvalidRequest):
            await find(served, RequestLookup(limit=limit))


async def test_a_stream_shows_that_it_lives_and_ends_with_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A draining server need not wait for it."""
    monkeypatch.setattr(request_lookup_service, "SIGN_OF_LIFE_SECONDS", 0.01)
    served = service()
    request = pb.WatchLookupsRequest(router_id="r1")
    stream = served.WatchLookups(request, CONTEXT)
    for _ in range(2):
        assert await anext(stream) == pb.WatchLookupsResponse()
    served.end_watches()
    assert [message async for message in stream] == []
    assert await find(served) == pb.FindRequestsResponse()
