"""Keeps what was dealt out of limits: to all routers together, in each minute or at a time."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.quota_service_pb2 import QUOTA_METRIC_CONCURRENT_REQUESTS
from conduit_billing.gathering import Gatherer
from conduit_billing.parts import part_of
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
# After which nothing comes that is counted in a minute.
RETENTION_MICROS = 2 * 3600 * MICRO
# How soon a place among the calls under way may be free.
PLACE_RETRY_MS = 1000
# So many quotas are dealt out, or taken back, in one transaction.
MOST_AT_ONCE = 250


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


class _Window(NamedTuple):
    """A minute of a limit, or all that is under way: what was dealt out is counted in it."""

    owner: str
    metric: int
    # Of the minute; 0 for what is under way at a time.
    starts_at: int


class _Wish(NamedTuple):
    """A request for a quota of limits, at a moment."""

    request: QuotaRequest
    limits: Sequence[Limit]
    now: int

    @property
    def starts_at(self) -> int:
        """Return when the minute began; 0 for what is under way."""
        return _start_of(self.request.metric, self.now)

    @property
    def resets_after(self) -> int:
        """Return how long the minute still is; 0 for what is under way."""
        return self.starts_at + MINUTE_MICROS - self.now if self.starts_at else 0

    @property
    def lasts_for(self) -> int:
        """Return how long a quota lasts unless it is renewed."""
        return UNRENEWED_MICROS if self.starts_at else LASTS_MICROS

    def window(self, limit: Limit) -> _Window:
        """Return where it is counted what was dealt out of a limit."""
        return _Window(limit.owner, self.request.metric, self.starts_at)

    def row(self, quota: Quota) -> tuple[Any, ...]:
        """Return the row of a quota that is dealt out."""
        owners = orjson.dumps(sorted(limit.owner for limit in self.limits)).decode()
        request, expires_at = self.request, self.now + quota.lasts_for
        return request.id, request.metric, owners, self.starts_at, quota.amount, expires_at

    def quota(self, amount: int, limit: int = 0, remaining: int = 0) -> Quota:
        """Return the quota that is granted."""
        usable, resets = self.resets_after or USABLE_MICROS, self.resets_after if limit else 0
        return Quota(amount, usable, self.lasts_for, limit, remaining, resets)


class _Return(NamedTuple):
    """A quota that its router gives back, and what was used of it."""

    id: str
    used: int


def resets_at(metric: Metric, now: int) -> int | None:
    """Return when a limit is whole again; None for what is under way at a time."""
    starts_at = _start_of(metric, now)
    return starts_at + MINUTE_MICROS if starts_at else None


def _start_of(metric: Metric, now: int) -> int:
    """Return when the minute began that something is counted in; 0 for what is under way."""
    is_place = metric == QUOTA_METRIC_CONCURRENT_REQUESTS
    return 0 if is_place else now // MINUTE_MICROS * MINUTE_MICROS


class QuotaStore:
    """Deals out quotas, and takes back what was not used of them.

    However many are asked for or given back at once, it is done in one transaction.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._wishes = Gatherer[_Wish, Quota](self._deal_out, enough=MOST_AT_ONCE)
        self._returns = Gatherer[_Return, None](self._take_all_back, enough=MOST_AT_ONCE)

    async def acquire(self, request: QuotaRequest, limits: Sequence[Limit], now: int) -> Quota:
        """Deal out a part of each limit. RateLimited if one has less than the least."""
        return await self._wishes.ask(_Wish(request, limits, now))

    async def release(self, quota_id: str, used: int) -> None:
        """Take back what was not used of a quota, or count what was used beyond it."""
        await self._returns.ask(_Return(quota_id, used))

    async def used(self, limits: Sequence[Limit], metric: Metric, now: int) -> dict[str, int]:
        """Return what was dealt out of limits at a moment, by their owners."""
        if not limits:
            return {}
        windows = [_Window(limit.owner, metric, _start_of(metric, now)) for limit in limits]
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = await _used(connection, windows)
        return {window.owner: found[window] for window in windows}

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
            await _take_back(connection, [(quota, 0) for quota in found])
            passed = (row.starts_at == 0) & (row.expires_at <= now)
            is_old = (row.starts_at > 0) & (row.starts_at < old)
            await connection.execute(delete(row).where(passed | is_old))
            gone = delete(window).where(window.starts_at > 0, window.starts_at < old)
            await connection.execute(gone)
        return len(found)

    async def _deal_out(self, wishes: Sequence[_Wish]) -> list[Quota | RateLimited]:
        """Deal out each quota, in order, that there is room for, unless it is there already."""
        row, rows, more = QuotaRow, list[tuple[Any, ...]](), Counter[_Window]()
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection, QUOTA_LOCK)
            named = row.id.in_([wish.request.id for wish in wishes])
            found = await connection.execute(select(row.id, row.amount).where(named))
            known: dict[str, int] = dict(found.all())
            answers: dict[str, Quota | RateLimited] = {
                wish.request.id: wish.quota(known[wish.request.id])
                for wish in wishes
                if wish.request.id in known
            }
            used = await _used(connection, {w.window(each) for w in wishes for each in w.limits})
            for wish in wishes:
                if wish.request.id in answers:
                    continue
                answers[wish.request.id] = dealt = _dealt(wish, used)
                if isinstance(dealt, RateLimited):
                    continue
                for limit in wish.limits:
                    used[wish.window(limit)] += dealt.amount
                    more[wish.window(limit)] += dealt.amount
                rows.append(wish.row(dealt))
            await _count(connection, more)
            await insert_rows(connection, row, rows)
        return [answers[wish.request.id] for wish in wishes]

    async def _take_all_back(self, returns: Sequence[_Return]) -> list[None]:
        """Take back what was not used of each quota that is there."""
        row, told = QuotaRow, {each.id: each.used for each in returns}
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection, QUOTA_LOCK)
            found = (await connection.execute(_ended(row.id.in_([*told])))).all()
            await _take_back(connection, [(quota, told[quota.id]) for quota in found])
            await connection.execute(delete(row).where(row.id.in_([*told])))
        return [None] * len(returns)


def _ended(*where: Any) -> Any:  # noqa: ANN401 # clauses and a query, of the library's own types
    row = QuotaRow
    return select(row.id, row.owners, row.metric, row.starts_at, row.amount).where(*where)


async def _take_back(connection: AsyncConnection, quotas: Iterable[tuple[Any, int]]) -> None:
    """Count rows of `_ended` for no more than what was used of each."""
    more = Counter[_Window]()
    for quota, used in quotas:
        for owner in orjson.loads(quota.owners):
            more[_Window(owner, quota.metric, quota.starts_at)] += used - quota.amount
    await _count(connection, more)


async def _count(connection: AsyncConnection, more: Mapping[_Window, int]) -> None:
    rows = [{**window._asdict(), "used": count} for window, count in sorted(more.items())]
    await add_up(connection, QuotaWindowRow, list(_Window._fields), rows)


async def _used(connection: AsyncConnection, windows: Iterable[_Window]) -> dict[_Window, int]:
    """Return what was dealt out of limits."""
    row, used = QuotaWindowRow, dict.fromkeys(windows, 0)
    for metric, starts_at in {(each.metric, each.starts_at) for each in used}:
        owners = [
            each.owner for each in used if (each.metric, each.starts_at) == (metric, starts_at)
        ]
        query = select(row.owner, row.used).where(
            row.owner.in_(owners), row.metric == metric, row.starts_at == starts_at
        )
        for owner, count in await connection.execute(query):
            used[_Window(owner, metric, starts_at)] = count
    return used


def _dealt(wish: _Wish, used: Mapping[_Window, int]) -> Quota | RateLimited:
    """Return what a router gets, or why that is nothing."""
    request = wish.request
    if not wish.limits:
        return wish.quota(request.amount + request.spare)
    tightest = min(wish.limits, key=lambda limit: limit.most - used[wish.window(limit)])
    left = tightest.most - used[wish.window(tightest)]
    if left < request.least:
        return _limited(request, tightest, max(0, left), wish.resets_after)
    amount = part_of(left, least=request.least, amount=request.amount, spare=request.spare)
    return wish.quota(amount, tightest.most, left - amount)


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
