"""Quotas on both databases: what is dealt out of a limit never exceeds it."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select
from tests.integration.billing.conftest import Bench
from tests.support.billing import NOW

from conduit.internal.v1.quota_service_pb2 import (
    QUOTA_METRIC_CONCURRENT_REQUESTS,
    QUOTA_METRIC_REQUESTS,
    QUOTA_METRIC_TOKENS,
)
from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotVirtualKey
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.quotas.limits import Limits, Metric
from conduit_billing.quotas.store import (
    LASTS_MICROS,
    MINUTE_MICROS,
    RETENTION_MICROS,
    Quota,
    QuotaRequest,
    QuotaStore,
)
from conduit_billing.tables import QuotaRow, QuotaWindowRow
from conduit_kernel.database import open_database
from conduit_kernel.errors import RateLimited
from conduit_kernel.ids import IdSource
from conduit_kernel.snapshot import SnapshotState

SECOND = 1_000_000
# At the beginning of a minute.
START = NOW // 60 * 60 * SECOND
REQUESTS, TOKENS = QUOTA_METRIC_REQUESTS, QUOTA_METRIC_TOKENS
PLACES = QUOTA_METRIC_CONCURRENT_REQUESTS


class QuotaBench:
    """Quotas of some virtual keys; time is what the test says."""

    def __init__(self, store: QuotaStore) -> None:
        self.store = store
        self.now = START
        self.state = SnapshotState.of(Snapshot(epoch="test", revision=1))
        self.limits = Limits(self.state)
        self._ids = IdSource()

    def give(self, virtual_key_id: int, **limits: int) -> None:
        """Let a virtual key have these limits from now on."""
        key = VirtualKey(id=virtual_key_id, usage_limits=UsageLimits(**limits))
        self.state.virtual_keys[virtual_key_id] = SnapshotVirtualKey(virtual_key=key)

    async def acquire(
        self,
        amount: int = 1,
        metric: Metric = REQUESTS,
        *,
        least: int = 0,
        spare: int = 0,
        virtual_key_id: int = 4,
    ) -> tuple[str, Quota]:
        """Ask for a quota; return its id, too."""
        name = self._ids.next()
        request = QuotaRequest(name, virtual_key_id, metric, least or amount, amount, spare)
        limits = self.limits.of(virtual_key_id, metric)
        return name, await self.store.acquire(request, limits, self.now)


@pytest.fixture
async def quotas(bench: Bench) -> AsyncIterator[QuotaBench]:
    """Return quotas on a database."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    yield QuotaBench(QuotaStore(engine))
    await engine.dispose()


async def test_a_minute_has_as_many_calls_as_its_limit_says(quotas: QuotaBench) -> None:
    """The next minute has them again."""
    quotas.give(4, requests_per_minute=3)
    quotas.now += 20 * SECOND
    name, quota = await quotas.acquire(5, least=1)
    assert quota == Quota(3, 40 * SECOND, 86_400 * SECOND, 3, 0, 40 * SECOND)
    with pytest.raises(RateLimited) as caught:
        await quotas.acquire()
    assert caught.value.metadata == {
        "subject": "virtual_key:4",
        "metric": "requests",
        "limit": "3",
        "remaining": "0",
        "needed": "1",
        "retry_after_ms": "40000",
    }
    quotas.now += 40 * SECOND
    await quotas.store.release(name, 3)
    _, quota = await quotas.acquire()
    assert (quota.amount, quota.remaining, quota.resets_after) == (1, 2, MINUTE_MICROS)


async def test_tokens_that_were_not_used_are_for_others(quotas: QuotaBench) -> None:
    """And those that were used beyond what was reserved are missing."""
    quotas.give(4, tokens_per_minute=1_000)
    first, _ = await quotas.acquire(900, TOKENS)
    with pytest.raises(RateLimited, match="may have 1,000 tokens a minute, of which 100 are left"):
        await quotas.acquire(200, TOKENS)
    await quotas.store.release(first, 150)
    second, _ = await quotas.acquire(800, TOKENS)
    await quotas.store.release(second, 840)
    await quotas.store.release(second, 0)
    _, quota = await quotas.acquire(10, TOKENS)
    assert quota.remaining == 0
    with pytest.raises(RateLimited):
        await quotas.acquire(1, TOKENS)


async def test_places_are_taken_until_they_are_given_back(quotas: QuotaBench) -> None:
    """However many minutes pass, as long as somebody renews them."""
    quotas.give(4, concurrent_requests=2)
    name, _ = await quotas.acquire(2, PLACES)
    for _ in range(5):
        quotas.now += LASTS_MICROS // 2
        assert await quotas.store.renew([name, "gone"], quotas.now) == ["gone"]
        assert await quotas.store.expire(quotas.now) == 0
    with pytest.raises(RateLimited, match="may have 2 requests under way at a time"):
        await quotas.acquire(1, PLACES)
    await quotas.store.release(name, 0)
    await quotas.acquire(2, PLACES)


async def test_places_of_a_router_that_died_are_free_after_their_time(quotas: QuotaBench) -> None:
    """Nobody renews them."""
    quotas.give(4, concurrent_requests=1)
    await quotas.acquire(1, PLACES)
    quotas.now += LASTS_MICROS - 1
    assert await quotas.store.expire(quotas.now) == 0
    quotas.now += 1
    assert await quotas.store.expire(quotas.now) == 1
    await quotas.acquire(1, PLACES)


async def test_a_router_gets_what_its_calls_need_and_a_share_of_the_rest(
    quotas: QuotaBench,
) -> None:
    """As of budgets: in whole calls, as long as sixteen times as much is left for others."""
    quotas.give(4, tokens_per_minute=10_000)
    _, quota = await quotas.acquire(300, TOKENS, least=100, spare=5_000)
    assert (quota.amount, quota.remaining) == (900, 9_100)


async def test_what_nothing_limits_is_granted_whole(quotas: QuotaBench) -> None:
    """A key whose limit was just removed, or that is unknown."""
    quotas.give(4, tokens_per_minute=1)
    _, quota = await quotas.acquire(300, REQUESTS, spare=5)
    assert quota == Quota(305, MINUTE_MICROS, 86_400 * SECOND)
    _, quota = await quotas.acquire(300, TOKENS, virtual_key_id=5)
    assert quota.limit == 0


async def test_a_quota_that_is_asked_for_again_is_the_same(quotas: QuotaBench) -> None:
    """A router whose answer was lost asks again, and nothing is counted twice."""
    quotas.give(4, requests_per_minute=2)
    request = QuotaRequest("a" * 26, 4, REQUESTS, 1, 1, 0)
    limits = quotas.limits.of(4, REQUESTS)
    first = await quotas.store.acquire(request, limits, quotas.now)
    again = await quotas.store.acquire(request, limits, quotas.now)
    assert first.amount == again.amount == 1
    await quotas.acquire()


async def test_what_was_counted_long_ago_is_forgotten(quotas: QuotaBench) -> None:
    """Else the tables would grow with each minute."""
    quotas.give(4, requests_per_minute=2, concurrent_requests=9)
    await quotas.acquire()
    place, _ = await quotas.acquire(1, PLACES)
    quotas.now += RETENTION_MICROS + MINUTE_MICROS
    await quotas.store.renew([place], quotas.now)
    await quotas.store.expire(quotas.now)
    async with quotas.store._reader.connect() as connection:  # noqa: SLF001 # what is stored
        counts = [
            await connection.scalar(select(func.count()).select_from(table))
            for table in (QuotaRow, QuotaWindowRow)
        ]
    assert counts == [1, 1]


async def test_many_at_once_get_no_more_than_there_is(quotas: QuotaBench) -> None:
    """Two hundred at once for fifty."""
    quotas.give(4, requests_per_minute=50)
    asked = [quotas.acquire(spare=16) for _ in range(200)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    granted = [each[1].amount for each in answers if not isinstance(each, BaseException)]
    assert sum(granted) == 50


@pytest.mark.parametrize("seed", range(6))
async def test_random_quotas_behave_as_a_simple_model(quotas: QuotaBench, seed: int) -> None:
    """The model is a sum for each minute, and one of the places that are taken."""
    choose = random.Random(seed)  # noqa: S311 # a test's
    most = {REQUESTS: 20, TOKENS: 500, PLACES: 8}
    quotas.give(4, requests_per_minute=20, tokens_per_minute=500, concurrent_requests=8)
    used = defaultdict[tuple[Metric, int], int](int)
    held: list[tuple[str, Metric, int, int]] = []
    for _ in range(120):
        match choose.choice(("acquire", "acquire", "release", "wait")):
            case "acquire":
                metric = choose.choice((REQUESTS, TOKENS, PLACES))
                minute = 0 if metric == PLACES else quotas.now // MINUTE_MICROS
                least = choose.randint(1, 200 if metric == TOKENS else 3)
                left = most[metric] - used[metric, minute]
                try:
                    name, quota = await quotas.acquire(least, metric, spare=least * 5)
                except RateLimited:
                    assert left < least
                    continue
                assert least <= quota.amount <= left
                used[metric, minute] += quota.amount
                held.append((name, metric, minute, quota.amount))
            case "release" if held:
                name, metric, minute, amount = held.pop(choose.randrange(len(held)))
                spent = 0 if metric == PLACES else choose.randint(0, amount)
                await quotas.store.release(name, spent)
                used[metric, minute] += spent - amount
            case _:
                quotas.now += choose.randint(1, 20) * SECOND
                places = [name for name, metric, *_ in held if metric == PLACES]
                assert await quotas.store.renew(places, quotas.now) == []
                assert await quotas.store.expire(quotas.now) == 0
