"""The log of requests as routers keep and search it at Storage, on both databases."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from struct import pack
from typing import Any

import grpc
import pytest
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.storage.conftest import LOOK_SECONDS, METADATA, NOW, Bench

from conduit.internal.v1 import request_log_service_pb2 as pb
from conduit.internal.v1.request_log_service_pb2_grpc import RequestLogServiceStub
from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit.v1.request_record_pb2 import (
    REQUEST_STATUS_FAILED,
    REQUEST_STATUS_SUCCEEDED,
    RequestRecord,
)
from conduit.v1.request_record_requests_pb2 import ListRequestRecordsRequest as Asked
from conduit_kernel.database import open_database, reader
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.request_facts import pack_facts
from conduit_kernel.request_places import place_at
from conduit_kernel.rpc import connect, error_of
from conduit_storage import bootstrap
from conduit_storage.request_log.search import RequestSearch
from conduit_storage.request_log.store import LogBounds, RequestLogStore
from conduit_storage.request_log.tables import BlockRow, KindRow, RequestRow

DAY = 24 * 3600.0
OFTEN = 1e9


@asynccontextmanager
async def log_of(bench: Bench) -> AsyncIterator[Any]:
    """Run a Storage process for as long as this lasts."""
    process = await bootstrap.start(
        bench.settings, clock=bench.clock, port=0, look_seconds=LOOK_SECONDS
    )
    channel = connect(f"127.0.0.1:{process.port}")
    try:
        yield RequestLogServiceStub(channel)
    finally:
        await channel.close()
        await process.drain(0.1)


@asynccontextmanager
async def opened(bench: Bench) -> AsyncIterator[AsyncEngine]:
    """Return Storage's database."""
    engine = await open_database(bench.settings, "storage", bootstrap.MIGRATIONS)
    try:
        yield engine
    finally:
        await engine.dispose()


def requests(
    count: int, *, first: int = 0, at: float = NOW, model: str = "gpt", tags: tuple[str, ...] = ()
) -> pb.LogRequestsRequest:
    """Return requests that ended one second after the other; every fifth one failed."""
    answered = pb.RequestKind(
        virtual_key_id=1, model_alias=model, status=REQUEST_STATUS_SUCCEEDED, http_status=200
    )
    failed = pb.RequestKind(
        virtual_key_id=1, model_alias=model, status=REQUEST_STATUS_FAILED, code="PROVIDER_TIMEOUT"
    )
    numbers = range(first, first + count)
    rest = RequestRecord(tags=tags).SerializeToString()
    same: dict[str, Any] = {
        name: [0] * count
        for name in (
            *("first_event", "pause", "attempt_duration", "cost_nano_usd", "input_tokens"),
            *("output_tokens", "attempts", "fallbacks", "revision"),
        )
    }
    return pb.LogRequestsRequest(
        kinds=[answered, failed],
        kind=[int(number % 5 == 0) for number in numbers],
        id=[f"r{number:05d}" for number in numbers],
        ended_at=[at + number for number in numbers],
        duration=[number / 1000 for number in numbers],
        upstream_request_id=[""] * count,
        rest=[rest] * count,
        **same,
    )


def own_id(number: int) -> str:
    """Return an id such as Conduit makes."""
    return f"req_01m5zabcde{number:016d}"


def usual(
    count: int,
    *,
    first: int = 0,
    at: float = NOW,
    model: str = "a",
    name: str = "req_01m5zabcde{:016d}",
) -> pb.LogRequestsRequest:
    """Return requests of one kind that went as usual, one second after the other."""
    tags = ["team"] if model == "b" else []
    kind = pb.RequestKind(
        virtual_key_id=1, model_alias=model, status=REQUEST_STATUS_SUCCEEDED, tags=tags
    )
    facts = list[bytes]()
    for number in range(first, first + count):
        request_id, took = name.format(number).encode(), number / 1000
        own = pack_facts(
            *(at + number, took, 0.0, 0.0, took, took, 5, 1, 2),
            *(True, 1, 0, len(request_id)),
        )
        facts.append(own + request_id + b"theirs")
    sizes = pack(f"<{count}H", *map(len, facts))
    return pb.LogRequestsRequest(
        blocks=[pb.RequestBlock(kind=kind, revision=3, facts=b"".join(facts), sizes=sizes)]
    )


async def _page(log: Any, **lookup: Any) -> list[FoundRequest]:  # noqa: ANN401 # as below
    request = pb.FindLoggedRequestsRequest(lookup=RequestLookup(**{"limit": 10, **lookup}))
    return [*(await log.FindLoggedRequests(request, metadata=METADATA)).found]


async def ids(log: Any, **lookup: Any) -> list[str]:  # noqa: ANN401 # a stub, and fields
    """Return the ids of the requests that are found."""
    return [each.record.id for each in await _page(log, **lookup)]


async def test_requests_are_found_page_by_page(bench: Bench) -> None:
    """Newest first, by kind or not; and one by its id, which has its last request."""
    async with log_of(bench) as log:
        await log.LogRequests(requests(20), metadata=METADATA)
        page = await log.FindLoggedRequests(
            pb.FindLoggedRequestsRequest(lookup=RequestLookup(limit=3)), metadata=METADATA
        )
        assert [each.record.id for each in page.found] == ["r00019", "r00018", "r00017"]
        after = page.found[-1].place
        assert await ids(log, after=after, limit=2) == ["r00016", "r00015"]
        assert await ids(log, after=after, status=REQUEST_STATUS_FAILED, limit=2) == [
            *("r00015", "r00010")
        ]
        assert await ids(log, model_alias="other") == []
        assert await ids(log, filter=Asked(min_duration_ms=18)) == ["r00019", "r00018"]
        assert await ids(log, request_id="r00003") == ["r00003"]
        assert await ids(log, request_id="r0000") == []
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ids(log, after="nowhere")
        assert isinstance(error_of(raised.value, "storage"), InvalidRequest)
        wrong = requests(1)
        wrong.kind[:] = [7]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await log.LogRequests(wrong, metadata=METADATA)
        assert isinstance(error_of(refused.value, "storage"), InvalidRequest)


async def test_requests_that_are_stored_again_count_once(bench: Bench) -> None:
    """As a router does that does not know whether they came."""
    async with log_of(bench) as log:
        for _ in range(2):
            await log.LogRequests(requests(5), metadata=METADATA)
        await log.LogRequests(requests(5, first=3), metadata=METADATA)
        assert await ids(log) == [f"r{number:05d}" for number in range(7, -1, -1)]


async def test_what_no_database_has_in_texts_is_stored_all_the_same(bench: Bench) -> None:
    """A caller names models as it likes: one of them must not hold up the others."""
    async with log_of(bench) as log:
        await log.LogRequests(requests(1, model="a\x00b", tags=("x\ny", "x%")), metadata=METADATA)
        assert await ids(log, model_alias="a\N{REPLACEMENT CHARACTER}b") == ["r00000"]
        assert await ids(log, filter=Asked(tag="x%")) == ["r00000"]
        assert await ids(log, filter=Asked(tag="x")) == []


async def test_figures_beyond_all_bounds_are_cut(bench: Bench) -> None:
    """Such as those of a clock that jumped."""
    request = requests(1)
    request.duration[:], request.pause[:] = [1e300], [float("-inf")]
    async with log_of(bench) as log:
        await log.LogRequests(request, metadata=METADATA)
        assert await ids(log) == ["r00000"]


async def test_old_requests_are_forgotten_piece_by_piece(bench: Bench) -> None:
    """Those that are too old, and the oldest of too many; kinds without any follow."""
    async with opened(bench) as engine:
        store = RequestLogStore(engine, LogBounds(DAY, requests=30), piece=4)
        search = RequestSearch(engine)
        await store.add(requests(50, at=NOW - 25), NOW)
        await store.add(requests(1, at=NOW - DAY, model="old"), NOW)
        await store.forget(NOW)
        left = [each.record.id for each in (await search.find(RequestLookup(limit=99))).requests]
        assert left == [f"r{number:05d}" for number in range(49, 19, -1)]
        await store.forget(NOW + 1)
        assert await _count(engine, RequestRow) == 30
        assert await _count(engine, KindRow) == 4
        await store.forget(NOW + 3700)
        assert await _count(engine, KindRow) == 2
        await store.forget(NOW + 3 * DAY)
        assert [await _count(engine, each) for each in (RequestRow, KindRow)] == [0, 0]


async def test_a_great_many_are_forgotten_step_by_step(bench: Bench) -> None:
    """With pauses, in which others have their turn, and not all at once."""
    pauses = list[float]()

    async def rest(seconds: float) -> None:
        pauses.append(seconds)

    async with opened(bench) as engine:
        bounds = LogBounds(DAY, requests=10**6)
        store = RequestLogStore(engine, bounds, piece=5, most_pieces=3, sleep=rest)
        await store.add(requests(40, at=NOW - 2 * DAY), NOW)
        left = []
        for _ in range(4):
            await store.forget(NOW)
            left.append(await _count(engine, RequestRow))
        assert left == [25, 10, 0, 0]
        assert len(pauses) >= 6


async def test_a_search_that_takes_long_says_how_far_it_is(bench: Bench) -> None:
    """It goes on behind that, misses nothing and tells nothing twice."""
    async with opened(bench) as engine:
        store = RequestLogStore(engine, LogBounds(DAY, requests=10**6))
        await store.add(requests(100), NOW)
        search = RequestSearch(engine, window=10, look_seconds=0, timer=lambda: 0.0)
        lookup = RequestLookup(limit=3, filter=Asked(min_duration_ms=1), model_alias="gpt")
        lookup.filter.until.FromSeconds(int(NOW) + 50)
        found, pages = list[str](), 0
        while True:
            page = await search.find(lookup)
            names = [each.record.id for each in page.requests]
            found += names
            pages += 1
            if page.looked_until:
                lookup.after = page.looked_until
            elif len(names) < lookup.limit:
                break
            else:
                lookup.after = page.requests[-1].place
        assert found == [f"r{number:05d}" for number in range(49, 0, -1)]
        assert pages > 10


async def test_ids_that_begin_alike_are_found_however_many(bench: Bench) -> None:
    """Few are sorted, many are looked at."""
    async with opened(bench) as engine:
        store = RequestLogStore(engine, LogBounds(DAY, requests=10**6))
        await store.add(requests(2100), NOW)
        search = RequestSearch(engine, look_seconds=OFTEN)
        few = await search.find(RequestLookup(limit=3, filter=Asked(id_prefix="r0001")))
        assert [each.record.id for each in few.requests] == ["r00019", "r00018", "r00017"]
        many = await search.find(RequestLookup(limit=2, filter=Asked(id_prefix="r")))
        assert [each.record.id for each in many.requests] == ["r02099", "r02098"]


async def test_requests_that_went_as_usual_are_found_in_their_blocks(bench: Bench) -> None:
    """Page by page in one list with others, by kind, by id; stored again they count once."""
    async with log_of(bench) as log:
        for _ in range(2):
            await log.LogRequests(usual(20), metadata=METADATA)
        await log.LogRequests(usual(20, first=20, model="b"), metadata=METADATA)
        await log.LogRequests(requests(4, at=NOW + 17.5), metadata=METADATA)
        assert await ids(log, limit=5) == [own_id(each) for each in range(39, 34, -1)]
        found, after = list[str](), ""
        while page := await _page(log, limit=7, after=after):
            found += [each.record.id for each in page]
            after = page[-1].place
        assert len(found) == len(set(found)) == 44
        assert found[19:24] == ["r00003", own_id(20), "r00002", own_id(19), "r00001"]
        assert await ids(log, limit=2, model_alias="a") == [own_id(19), own_id(18)]
        assert await ids(log, status=REQUEST_STATUS_FAILED) == ["r00000"]
        assert await ids(log, filter=Asked(min_duration_ms=38)) == [own_id(39), own_id(38)]
        assert await ids(log, filter=Asked(tag="team")) == await ids(log, model_alias="b")
        assert await ids(log, filter=Asked(id_prefix=own_id(7))) == [own_id(7)]
        [one] = await _page(log, request_id=own_id(7))
        assert (one.record.id, one.record.duration_ms) == (own_id(7), 7)
        assert one.record.attempts[0].upstream_request_id == "theirs"
        assert await ids(log, request_id=own_id(7)[:-1]) == []


async def test_ids_that_callers_chose_have_rows_of_their_own(bench: Bench) -> None:
    """They sort by nothing, so that blocks could not be told apart by them."""
    async with opened(bench) as engine:
        store = RequestLogStore(engine, LogBounds(DAY, requests=10**6))
        await store.add(usual(20, name="mine-{:05d}"), NOW)
        assert [await _count(engine, each) for each in (RequestRow, BlockRow)] == [20, 0]
        found = await RequestSearch(engine).find(RequestLookup(request_id="mine-00007"))
        assert [each.record.attempts[0].upstream_request_id for each in found.requests] == [
            "theirs"
        ]


async def test_old_blocks_are_forgotten_with_the_oldest_rows(bench: Bench) -> None:
    """By their ends, whatever they are kept as; and kinds when nothing has them any more."""
    async with opened(bench) as engine:
        store = RequestLogStore(engine, LogBounds(DAY, requests=45), piece=4)
        await store.add(usual(20, at=NOW - 100), NOW)
        await store.add(requests(20, at=NOW - 70), NOW)
        await store.add(usual(20, at=NOW - 40, first=20), NOW)
        await store.forget(NOW)
        assert [await _count(engine, each) for each in (RequestRow, BlockRow)] == [20, 1]
        await store.forget(NOW + DAY - 45)
        assert [await _count(engine, each) for each in (RequestRow, BlockRow)] == [0, 1]
        assert await _count(engine, KindRow) == 1
        await store.forget(NOW + 2 * DAY)
        assert [await _count(engine, each) for each in (BlockRow, KindRow)] == [0, 0]


async def test_a_search_of_blocks_that_takes_long_says_how_far_it_is(bench: Bench) -> None:
    """It gets on however many are of the same moment, misses nothing and tells nothing twice."""
    async with opened(bench) as engine:
        store = RequestLogStore(engine, LogBounds(DAY, requests=10**6))
        for number in range(12):
            await store.add(usual(3, first=3 * number, at=NOW - number), NOW)
        for number in range(12, 20):
            await store.add(usual(3, first=3 * number, at=NOW + number), NOW)
        search = RequestSearch(engine, look_seconds=0, timer=lambda: 0.0)
        lookup, found, pages = RequestLookup(limit=2), list[str](), 0
        while True:
            page = await search.find(lookup)
            found += [each.record.id for each in page.requests]
            pages += 1
            if page.looked_until:
                assert page.looked_until != lookup.after
                lookup.after = page.looked_until
            elif page.requests:
                lookup.after = page.requests[-1].place
            else:
                break
            assert pages < 99
        assert sorted(found) == [own_id(each) for each in range(60)]


async def test_no_search_reads_the_whole_log(bench: Bench) -> None:
    """Whatever is looked for, an index leads there: a million requests take no longer."""
    plans = list[str]()
    async with opened(bench) as engine:
        if engine.dialect.name != "sqlite":
            pytest.skip("PostgreSQL's plans depend on how much there is")
        store = RequestLogStore(engine, LogBounds(DAY, requests=10**6))
        await store.add(requests(50), NOW)
        await store.add(usual(20), NOW)
        sent = list[tuple[str, Any]]()

        def note(*said: Any) -> None:  # noqa: ANN401 # the hook's own
            sent.append((said[2], said[3]))

        event.listen(engine.sync_engine, "before_cursor_execute", note)
        search = RequestSearch(engine, window=10, look_seconds=0)
        for lookup in (
            RequestLookup(limit=5),
            RequestLookup(limit=5, after=place_at(int((NOW + 9) * 1e9), "x")),
            RequestLookup(limit=5, model_alias="gpt"),
            RequestLookup(limit=5, status=REQUEST_STATUS_FAILED, filter=Asked(tag="none")),
            RequestLookup(limit=5, filter=Asked(min_duration_ms=10**6)),
            RequestLookup(limit=5, filter=Asked(id_prefix="r0001")),
            RequestLookup(request_id="r00007"),
        ):
            await search.find(lookup)
        async with reader(engine).connect() as connection:
            for statement, values in [each for each in sent if "storage_request" in each[0]]:
                explaining = f"EXPLAIN QUERY PLAN {statement}"
                explained = await connection.exec_driver_sql(explaining, values)
                plans += [str(row["detail"]) for row in explained.mappings()]
    assert len(plans) > 10
    assert [
        plan for plan in plans if re.search(r"SCAN storage_request(s|_blocks)(?! USING)", plan)
    ] == []


async def _count(engine: AsyncEngine, table: type[BlockRow | KindRow | RequestRow]) -> int:
    async with reader(engine).connect() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0
