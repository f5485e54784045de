"""Keeps what was dealt out of limits: to all routers together, in each minute or at a time."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.quota_service_pb2 import QUOTA_METRIC_CONCURRENT_REQUESTS
from conduit_billing.quotas.limits import FIELDS, Limit, Metric
from conduit_billing.tables import QuotaRow, QuotaWindowRow
from conduit_billing.timestamps import MICRO
from conduit_billing.upserts import QUOTA_LOCK, add_up, insert_rows, take_turns
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import RateLimited

SERVICE = "billing"
MINUTE_MICROS = 60 * MICRO
# For how long calls may begin on a quota of those under way.
USABLE_MICROS = 60 * MICRO
# How long that lasts unless it is renewed: so long is counted what a router had that died.
LASTS_MICROS = 60 * MICRO
# Quotas of a minute end with it, and need no renewal while their calls go on.
UNRENEWED_MICROS = 86_400 * MICRO
# The share of what is left that a quota may have beyond what its calls need at once.
SPARE_SHARE = 16
# After which nothing comes that is counted in a minute.
RETENTION_MICROS = 2 * 3600 * MICRO
# How soon a place among the calls under way may be free.
PLACE_RETRY_MS = 1000


class QuotaRequest(NamedTuple):
    """A router's request for a quota."""

    id: str
    virtual_key_id: int
    metric: Metric
    # What is of use at all, what the calls need that wait, and what more would be of use.
    least: int
    amount: int
    spare: int


class Quota(NamedTuple):
    """A quota that is granted, and how the limit stands that has the least left; in µs."""

    amount: int
    usable_for: int
    lasts_for: int
    limit: int = 0
    remaining: int = 0
    resets_after: int = 0


def resets_at(metric: Metric, now: int) -> int | None:
    """Return when a limit is whole again; None for what is under way at a time."""
    starts_at = _start_of(metric, now)
    return starts_at + MINUTE_MICROS if starts_at else None


def _start_of(metric: Metric, now: int) -> int:
    """Return when the minute began that something is counted in; 0 for what is under way."""
    is_place = metric == QUOTA_METRIC_CONCURRENT_REQUESTS
    return 0 if is_place else now // MINUTE_MICROS * MINUTE_MICROS


class QuotaStore:
    """Deals out quotas, and takes back what was not used of them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)

    async def acquire(self, request: QuotaRequest, limits: Sequence[Limit], now: int) -> Quota:
        """Deal out a part of each limit. RateLimited if one has less than the least."""
        is_place = request.metric == QUOTA_METRIC_CONCURRENT_REQUESTS
        starts_at = _start_of(request.metric, now)
        left_of_minute = starts_at + MINUTE_MICROS - now
        usable = USABLE_MICROS if is_place else left_of_minute
        lasts = LASTS_MICROS if is_place else UNRENEWED_MICROS
        resets_after = 0 if is_place else left_of_minute
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection, QUOTA_LOCK)
            known = select(QuotaRow.amount).where(QuotaRow.id == request.id)
            found = await connection.scalar(known)
            if found is not None:
                return Quota(found, usable, lasts)
            used = await _used(connection, limits, request.metric, starts_at)
            tightest = _tightest(limits, used)
            amount = _granted(request, tightest, used, resets_after)
            owners = sorted(limit.owner for limit in limits)
            await _count(connection, owners, request.metric, starts_at, amount)
            values = (request.id, request.metric, orjson.dumps(owners).decode())
            await insert_rows(connection, QuotaRow, [(*values, starts_at, amount, now + lasts)])
        if tightest is None:
            return Quota(amount, usable, lasts)
        remaining = max(0, tightest.most - used[tightest.owner] - amount)
        return Quota(amount, usable, lasts, tightest.most, remaining, resets_after)

    async def used(self, limits: Sequence[Limit], metric: Metric, now: int) -> dict[str, int]:
        """Return what was dealt out of limits at a moment, by their owners."""
        if not limits:
            return {}
        async with guarded(SERVICE), self._reader.connect() as connection:
            return await _used(connection, limits, metric, _start_of(metric, now))

    async def renew(self, quota_ids: Collection[str], now: int) -> list[str]:
        """Put off the deadline of quotas; return those that are no more."""
        row = QuotaRow
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection, QUOTA_LOCK)
            there = row.id.in_(quota_ids)
            found = frozenset((await connection.scalars(select(row.id).where(there))).all())
            later = update(row).where(there).values(expires_at=now + LASTS_MICROS)
            await connection.execute(later)
        return [each for each in quota_ids if each not in found]

    async def release(self, quota_id: str, used: int) -> None:
        """Take back what was not used of a quota, or count what was used beyond it."""
        row = QuotaRow
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection, QUOTA_LOCK)
            found = (await connection.execute(_ended(row.id == quota_id))).first()
            if found is not None:
                await _take_back(connection, found, used)
                await connection.execute(delete(row).where(row.id == quota_id))

    async def expire(self, now: int) -> int:
        """End the quotas whose deadline has passed; return how many there were."""
        row, window = QuotaRow, QuotaWindowRow
        due = _ended(row.starts_at == 0, row.expires_at <= now)
        old = now - RETENTION_MICROS
        async with guarded(SERVICE), self._reader.connect() as connection:
            ended = (await connection.execute(due.limit(1))).first()
            stale = select(window.owner).where(window.starts_at > 0, window.starts_at < old)
            if ended is None and (await connection.execute(stale.limit(1))).first() is None:
                return 0
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection, QUOTA_LOCK)
            found = (await connection.execute(due)).all()
            for quota in found:
                await _take_back(connection, quota, 0)
            passed = (row.starts_at == 0) & (row.expires_at <= now)
            is_old = (row.starts_at > 0) & (row.starts_at < old)
            await connection.execute(delete(row).where(passed | is_old))
            gone = delete(window).where(window.starts_at > 0, window.starts_at < old)
            await connection.execute(gone)
        return len(found)


def _ended(*where: Any) -> Any:  # noqa: ANN401 # clauses and a query, of the library's own types
    row = QuotaRow
    return select(row.owners, row.metric, row.starts_at, row.amount).where(*where)


async def _take_back(connection: AsyncConnection, quota: Any, used: int) -> None:  # noqa: ANN401 # a row of `_ended`
    owners: list[str] = orjson.loads(quota.owners)
    await _count(connection, owners, quota.metric, quota.starts_at, used - quota.amount)


async def _count(
    connection: AsyncConnection, owners: Sequence[str], metric: int, starts_at: int, more: int
) -> None:
    rows = [
        {"owner": owner, "metric": metric, "starts_at": starts_at, "used": more} for owner in owners
    ]
    await add_up(connection, QuotaWindowRow, ["owner", "metric", "starts_at"], rows)


async def _used(
    connection: AsyncConnection, limits: Sequence[Limit], metric: int, starts_at: int
) -> dict[str, int]:
    """Return what was dealt out of limits, by their owners."""
    row = QuotaWindowRow
    owners = [limit.owner for limit in limits]
    query = select(row.owner, row.used).where(
        row.owner.in_(owners), row.metric == metric, row.starts_at == starts_at
    )
    used = dict.fromkeys(owners, 0)
    used.update((owner, count) for owner, count in await connection.execute(query))
    return used


def _tightest(limits: Sequence[Limit], used: dict[str, int]) -> Limit | None:
    return min(limits, key=lambda limit: limit.most - used[limit.owner], default=None)


def _granted(
    request: QuotaRequest, tightest: Limit | None, used: dict[str, int], resets_after: int
) -> int:
    """Return how much a quota may have. RateLimited if that is too little to be of use."""
    if tightest is None:
        return request.amount + request.spare
    left = tightest.most - used[tightest.owner]
    if left < request.least:
        raise _limited(request, tightest, max(0, left), resets_after)
    if left <= request.amount:
        return left
    # In whole calls, so that what is left over is of use to others.
    spare = min(request.spare, (left - request.amount) // SPARE_SHARE)
    return request.amount + spare // request.least * request.least


def _limited(request: QuotaRequest, limit: Limit, left: int, resets_after: int) -> RateLimited:
    _, metric = FIELDS[request.metric]
    if resets_after:
        what = f"{limit.most:,} {metric} a minute, of which {left:,} are left"
        wait = max(1, -(-resets_after // 1000))
        after = f"; it is whole again in {-(-wait // 1000)} s"
    else:
        what, after, wait = f"{limit.most:,} requests under way at a time", "", PLACE_RETRY_MS
    return RateLimited(
        f"{limit.label} may have {what}, and this one needs {request.least:,}{after}",
        subject=limit.owner.replace("-", "_"),
        metric=metric,
        limit=str(limit.most),
        remaining=str(left),
        needed=str(request.least),
        retry_after_ms=str(wait),
    )
