"""Routers and the log understand the same by what an operator looks for."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select
from tests.unit.conduit_router.trail.request_ends import FAILURES, MODELS, some_ends

from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit.v1.request_record_pb2 import RequestStatus
from conduit.v1.request_record_requests_pb2 import ListRequestRecordsRequest as Asked
from conduit_kernel.database import open_database, reader
from conduit_kernel.settings import Settings
from conduit_router.trail.log_columns import columns_of
from conduit_router.trail.recent_calls import RecentCalls
from conduit_storage.bootstrap import MIGRATIONS
from conduit_storage.request_log.search import RequestSearch
from conduit_storage.request_log.store import LogBounds, RequestLogStore
from conduit_storage.request_log.tables import BlockRow

NOW = 1_795_435_200.0
COUNT = 300
# As callers may say them, and as Conduit makes them.
IDS = ("", "req_01m5z")
PREFIXES = ("a", "b000", "a00010", "_")


@pytest.fixture(params=IDS)
def ids(request: pytest.FixtureRequest) -> str:
    """Return how ids of requests begin: those that are ours are kept in blocks."""
    return str(request.param)


@pytest.fixture
async def search(tmp_path: Path, ids: str) -> AsyncIterator[RequestSearch]:
    """Return what finds requests in a log that has some, in windows of a few."""
    settings = Settings(data_dir=tmp_path, master_key="", encryption_key=bytes(32))
    engine = await open_database(settings, "storage", MIGRATIONS)
    told = columns_of(*some_ends(1, COUNT, ids), many=1)
    await RequestLogStore(engine, LogBounds(1e9, 10**6)).add(told, NOW)
    async with reader(engine).connect() as connection:
        in_blocks = await connection.scalar(select(func.sum(BlockRow.count))) or 0
    assert bool(ids) == (in_blocks > 30)
    yield RequestSearch(engine, window=40, look_seconds=1e9)
    await engine.dispose()


@pytest.fixture
def recent(ids: str) -> RecentCalls:
    """Return a router's memory of the same requests."""
    remembered = RecentCalls(10 * COUNT, 10**9)
    plain, others = some_ends(1, COUNT, ids)
    for end in plain:
        remembered.listener.plain(end)
    for each in others:
        remembered.listener.eventful(each)
    return remembered


def asked_at_random(chance: Random, ids: str) -> RequestLookup:
    """Return what somebody may look for."""
    lookup = RequestLookup(limit=chance.choice((3, 50, 1001)))
    wishes: list[Callable[[Asked], object]] = [
        lambda asked: asked.since.FromSeconds(int(NOW) + chance.randrange(20)),
        lambda asked: asked.until.FromSeconds(int(NOW) + chance.randrange(20)),
        lambda asked: setattr(asked, "actual_model_name", "model-1"),
        lambda asked: setattr(asked, "provider_id", chance.randrange(1, 5)),
        lambda asked: setattr(asked, "key_id", "key_2"),
        lambda asked: setattr(asked, "virtual_key_id", chance.randrange(1, 5)),
        lambda asked: setattr(asked, "group_id", 1),
        lambda asked: setattr(asked, "code", chance.choice(FAILURES).code),
        lambda asked: setattr(asked, "operation", chance.choice(("chat", "embed", "none"))),
        lambda asked: setattr(asked, "tag", chance.choice(("user=é", "run=7", "team=1", "run"))),
        lambda asked: setattr(asked, "min_duration_ms", chance.choice((1, 500, 3000, 12_000))),
        lambda asked: setattr(asked, "min_cost_nano_usd", chance.choice((1, 1_001, 3_000_000))),
        lambda asked: setattr(
            asked, "id_prefix", ids + chance.choice(("a", "b000", "a00010", "_"))
        ),
    ]
    for wish in chance.sample(wishes, chance.choice((0, 1, 1, 2, 3))):
        wish(lookup.filter)
    if chance.random() < 0.3:
        lookup.model_alias = chance.choice(MODELS[:2])
    if chance.random() < 0.3:
        lookup.status = chance.choice(RequestStatus.values()[1:])
    return lookup


def compared(found: FoundRequest) -> FoundRequest:
    """Return a request without what one of both alone has, or has more exactly."""
    own = FoundRequest.FromString(found.SerializeToString())
    # No list of the log's has it.
    own.record.ClearField("seed")
    own.record.model_alias = own.record.model_alias.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    own.record.duration_ms = round(own.record.duration_ms, 2)
    own.record.first_event_ms = round(own.record.first_event_ms, 2)
    own.record.started_at.FromMilliseconds(round(own.record.started_at.ToMicroseconds() / 1000))
    return own


async def test_both_find_the_same(search: RequestSearch, recent: RecentCalls, ids: str) -> None:
    """Whatever is asked, page by page, and in the same words."""
    for seed in range(60):
        lookup = asked_at_random(Random(seed), ids)  # noqa: S311 # a test's
        for _ in range(3):
            own, logged = recent.find(lookup), (await search.find(lookup)).requests
            assert [*map(compared, logged)] == [*map(compared, own)], lookup
            if len(own) < lookup.limit:
                break
            lookup.after = own[-1].place


async def test_each_request_is_told_whole_by_both(
    search: RequestSearch, recent: RecentCalls
) -> None:
    """With what each attempt did, and its provider's own id."""
    for found in recent.find(RequestLookup(limit=40)):
        lookup = RequestLookup(request_id=found.record.id)
        own, logged = recent.find(lookup)[0], (await search.find(lookup)).requests[0]
        for attempt in (*own.record.attempts, *logged.record.attempts):
            for name in ("duration_ms", "first_event_ms", "pause_ms"):
                setattr(attempt, name, round(getattr(attempt, name), 2))
        assert compared(logged) == compared(own)
