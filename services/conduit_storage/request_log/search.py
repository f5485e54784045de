"""Finds requests in the log, newest first, without looking at all of it.

- Whatever only asks for kinds of requests, and for few kinds, reads so many of each as fit a page.
- Anything else looks at the newest requests, some thousands after the other, for so long as a
  caller may wait; what it says then is up to where it has looked.
- So are blocks, of requests that went as usual: what was found in them is one list with the others.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit.v1.request_record_requests_pb2 import ListRequestRecordsRequest
from conduit_kernel.database import guarded, reader
from conduit_kernel.request_places import place_behind
from conduit_storage.request_log.block_search import BlockSearch
from conduit_storage.request_log.conditions import LAST, Found, merged, of_kinds, span_of, within
from conduit_storage.request_log.rows import cleaned, found_request
from conduit_storage.request_log.store import SERVICE
from conduit_storage.request_log.tables import KindRow, RequestRow

MAX_FOUND = 1_001
# So many requests are looked at in one go, and so long others are.
WINDOW = 50_000
LOOK_SECONDS = 0.05
# More kinds than these are not read one by one.
FEW_KINDS = 64
# Requests whose ids begin alike, that are sorted rather than looked for.
FEW_IDS = 2_000
_COLUMNS = (
    *RequestRow.__table__.columns,
    *(each for each in KindRow.__table__.columns if each.name not in {"id", "seen_at"}),
)


class RequestSearch:
    """Answers from the log."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        window: int = WINDOW,
        look_seconds: float = LOOK_SECONDS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how many requests are looked at in one go, and how long others are."""
        self._reader = reader(engine)
        self._window = window
        self._look_seconds = look_seconds
        self._timer = timer
        self._blocks = BlockSearch(look_seconds=look_seconds, timer=timer)

    async def find(self, lookup: RequestLookup) -> Found:
        """Return the requests that are looked for. InvalidRequest for a place that is none."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            if lookup.request_id:
                return Found(await self._of_id(connection, lookup.request_id))
            limit = max(0, min(lookup.limit, MAX_FOUND))
            rows, until = await self._rows(connection, lookup, limit)
            in_blocks = await self._blocks.find(connection, lookup, limit)
        in_rows = Found([found_request(row, is_whole=False) for row in rows], until)
        return merged(limit, in_rows, in_blocks)

    async def _of_id(self, connection: AsyncConnection, request_id: str) -> list[FoundRequest]:
        """Return the last request of an id, if there is one."""
        row = await _last_of(connection, request_id)
        found = [] if row is None else [found_request(row, is_whole=True)]
        in_block = await self._blocks.last_of(connection, request_id)
        found += [] if in_block is None else [in_block]
        return sorted(found, key=lambda each: each.place)[:1]

    async def _rows(
        self, connection: AsyncConnection, lookup: RequestLookup, limit: int
    ) -> tuple[Sequence["Row[Any]"], str]:
        span, asked = _span(lookup), of_kinds(lookup)
        others = _of_requests(lookup.filter, connection.dialect.name)
        if asked:
            chosen = select(KindRow.id).where(*asked)
            kinds = (await connection.scalars(chosen.limit(FEW_KINDS + 1))).all()
            if not kinds:
                return (), ""
            if len(kinds) <= FEW_KINDS and not others and not lookup.filter.id_prefix:
                return await _newest_of_each(connection, kinds, span, limit), ""
            # Not by their index, which has many kinds in no order.
            others = [*others, (RequestRow.kind_id + 0).in_(chosen)]
        if prefix := lookup.filter.id_prefix:
            begins = and_(RequestRow.id >= prefix, RequestRow.id < prefix + LAST)
            some = select(RequestRow.number).where(begins).limit(FEW_IDS + 1).subquery()
            if (await connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW_IDS:
                span = [*span, RequestRow.number.in_(select(some.c.number))]
                return (await connection.execute(_page(span, others, limit))).all(), ""
            others = [*others, func.substr(RequestRow.id, 1, len(prefix)) == prefix]
        if not others:
            return (await connection.execute(_page(span, (), limit))).all(), ""
        return await self._look(connection, span, others, limit)

    async def _look(
        self,
        connection: AsyncConnection,
        span: Sequence[ColumnElement[bool]],
        others: Sequence[ColumnElement[bool]],
        limit: int,
    ) -> tuple[Sequence["Row[Any]"], str]:
        """Look at the newest requests, window by window."""
        found, until = list["Row[Any]"](), self._timer() + self._look_seconds
        newer: tuple[ColumnElement[bool], ...] = ()
        while True:
            edge = await connection.scalar(
                select(RequestRow.ended_at)
                .where(*span, *newer)
                .order_by(RequestRow.ended_at.desc())
                .limit(1)
                .offset(self._window - 1)
            )
            window = () if edge is None else (RequestRow.ended_at >= edge,)
            page = _page((*span, *newer, *window), others, limit - len(found))
            found += (await connection.execute(page)).all()
            if edge is None or len(found) >= limit:
                return found, ""
            if self._timer() >= until:
                return found, place_behind(edge)
            newer = (RequestRow.ended_at < edge,)


async def _last_of(connection: AsyncConnection, request_id: str) -> "Row[Any] | None":
    """Return the last request of an id, None if there is none."""
    query = _joined().where(RequestRow.id == cleaned(request_id))
    query = query.order_by(RequestRow.ended_at.desc()).limit(1)
    found: Row[Any] | None = (await connection.execute(query)).first()
    return found


async def _newest_of_each(
    connection: AsyncConnection,
    kinds: Sequence[int],
    span: Sequence[ColumnElement[bool]],
    limit: int,
) -> Sequence["Row[Any]"]:
    """Return the newest requests of some kinds, of which the index has each in order."""
    newest = [
        _ordered(select(RequestRow.number).where(RequestRow.kind_id == kind, *span), limit)
        for kind in kinds
    ]
    numbers = union_all(*(select(each.subquery().c.number) for each in newest)).subquery()
    page = _page((RequestRow.number.in_(select(numbers.c.number)),), (), limit)
    found: Sequence[Row[Any]] = (await connection.execute(page)).all()
    return found


def _page(
    span: Sequence[ColumnElement[bool]], others: Sequence[ColumnElement[bool]], limit: int
) -> Select[Any]:
    return _ordered(_joined().where(*span, *others), limit)


def _joined() -> Select[Any]:
    return select(*_COLUMNS).join(KindRow, KindRow.id == RequestRow.kind_id)


def _ordered(query: Select[Any], limit: int) -> Select[Any]:
    return query.order_by(RequestRow.ended_at.desc(), RequestRow.id).limit(limit)


def _span(lookup: RequestLookup) -> list[ColumnElement[bool]]:
    """Return between which ends requests are looked for."""
    span, found = span_of(lookup), list[ColumnElement[bool]]()
    if span.since is not None:
        found.append(RequestRow.ended_at >= span.since)
    if span.until is not None:
        found.append(RequestRow.ended_at < span.until)
    if span.after is not None:
        ended_at, request_id = span.after
        older = RequestRow.ended_at < ended_at
        # The first one is what the index is searched by.
        found += [RequestRow.ended_at <= ended_at, or_(older, RequestRow.id > request_id)]
    return found


def _of_requests(asked: ListRequestRecordsRequest, dialect: str) -> list[ColumnElement[bool]]:
    """Return what else requests must be like; nothing for anything."""
    found = list[ColumnElement[bool]]()
    if asked.min_duration_ms:
        found.append(RequestRow.duration >= within(asked.min_duration_ms * 1000))
    if asked.min_cost_nano_usd:
        found.append(RequestRow.cost >= asked.min_cost_nano_usd)
    if asked.tag:
        place, tag = func.instr if dialect == "sqlite" else func.strpos, f"\n{asked.tag}\n"
        found.append(or_(place(RequestRow.tags, tag) > 0, place(KindRow.key_tags, tag) > 0))
    return found
