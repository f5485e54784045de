"""Finds requests in blocks, newest first: what no condition tells of a block is read in it."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit_kernel.request_places import place_behind
from conduit_storage.request_log.blocks import ALIKE, MOST_SPAN, PlainRequest, requests_in
from conduit_storage.request_log.conditions import LAST, Found, Span, of_kinds, span_of, within
from conduit_storage.request_log.rows import ROW, cleaned, found_request
from conduit_storage.request_log.tables import BlockRow, KindRow

# So many blocks are fetched in one go: some thousand requests of a busy gateway.
_AT_ONCE = 4
_FOREVER = 2**63
_KIND = tuple(each for each in KindRow.__table__.columns if each.name not in {"id", "seen_at"})
_BLOCK = tuple(each for each in BlockRow.__table__.columns if each.name not in {"id", "count"})
# When it ended, backwards, and its id: as the list has it. Then itself, and its block.
_Entry = tuple[int, str, PlainRequest, "Row[Any]"]


class BlockSearch:
    """Looks at blocks for so long as a caller may wait."""

    def __init__(self, *, look_seconds: float, timer: Callable[[], float] = time.monotonic) -> None:
        """Take how long blocks are looked at."""
        self._look_seconds = look_seconds
        self._timer = timer

    async def find(self, connection: AsyncConnection, lookup: RequestLookup, limit: int) -> Found:
        """Return the requests that are looked for. InvalidRequest for a place that is none."""
        span, until = span_of(lookup), self._timer() + self._look_seconds
        last = span.after[0] if span.after is not None else _FOREVER
        found, is_begun, edge = list[_Entry](), False, ""
        async with connection.stream(_chosen(lookup, span, connection.dialect.name)) as blocks:
            async for block in blocks:
                if len(found) >= limit:
                    found = sorted(found, key=_place)[:limit]
                    if not found or block.newest < -found[-1][0]:
                        break
                # What lies before the caller's own place is no progress.
                is_late = self._timer() >= until and block.newest + 1 < last
                if is_begun and is_late:
                    edge = place_behind(block.newest + 1)
                    break
                found += _matching(block, lookup, span)
                is_begun = True
        first = sorted(found, key=_place)[:limit]
        return Found([_told(each, block, is_whole=False) for *_, each, block in first], edge)

    async def last_of(self, connection: AsyncConnection, request_id: str) -> FoundRequest | None:
        """Return the last request of an id, None if there is none."""
        name = cleaned(request_id)
        beside = (BlockRow.first_id >= name[:ALIKE], BlockRow.first_id <= name)
        query = _joined().where(*beside, BlockRow.last_id >= name)
        found = list[_Entry]()
        async with connection.stream(query) as blocks:
            async for block in blocks:
                if name.encode() in block.facts:
                    requests = requests_in(block.facts, block.sizes)
                    found += [_entry(each, block) for each in requests if each.id == name]
        if not found:
            return None
        *_, last, block = min(found, key=_place)
        return _told(last, block, is_whole=True)


def _chosen(lookup: RequestLookup, span: Span, dialect: str) -> Select[Any]:
    """Return the blocks that may have what is looked for, newest first."""
    where = of_kinds(lookup)
    if tag := lookup.filter.tag:
        place = func.instr if dialect == "sqlite" else func.strpos
        where.append(place(KindRow.key_tags, f"\n{tag}\n") > 0)
    if prefix := lookup.filter.id_prefix:
        # Not by their index, which has blocks in no order of time.
        first = BlockRow.first_id.concat("")
        where += [first < cleaned(prefix) + LAST, BlockRow.last_id >= cleaned(prefix)]
    if span.since is not None:
        where.append(BlockRow.newest >= span.since)
    if span.until is not None:
        where += _older(span.until - 1)
    if span.after is not None:
        where += _older(span.after[0])
    return _joined().where(*where).order_by(BlockRow.newest.desc())


def _older(ended_at: int) -> list[ColumnElement[bool]]:
    """Return the condition that a block has requests that ended at a time, or before."""
    # The second one is what the index is searched by.
    return [BlockRow.oldest <= ended_at, BlockRow.newest <= within(ended_at + MOST_SPAN)]


def _joined() -> Select[Any]:
    query = select(*_BLOCK, *_KIND).join(KindRow, KindRow.id == BlockRow.kind_id)
    return query.execution_options(yield_per=_AT_ONCE)


def _matching(block: "Row[Any]", lookup: RequestLookup, span: Span) -> Iterator[_Entry]:
    asked = lookup.filter
    since = -_FOREVER if span.since is None else span.since
    until = _FOREVER if span.until is None else span.until
    after = _FOREVER if span.after is None else span.after[0]
    least_us, least_cost = asked.min_duration_ms * 1000, asked.min_cost_nano_usd
    prefix = cleaned(asked.id_prefix)
    for request in requests_in(block.facts, block.sizes):
        ended_at = request.ended_at
        if not since <= ended_at < until or ended_at > after:
            continue
        if least_us and request.lasted[0] * 1e6 < least_us:
            continue
        if least_cost and (request.cost is None or request.cost < least_cost):
            continue
        entry = _entry(request, block)
        if prefix and not entry[1].startswith(prefix):
            continue
        if span.after is None or _place(entry) > (-after, span.after[1]):
            yield entry


def _entry(request: PlainRequest, block: "Row[Any]") -> _Entry:
    return -request.ended_at, request.id, request, block


def _place(entry: _Entry) -> tuple[int, str]:
    return entry[:2]


def _told(request: PlainRequest, block: "Row[Any]", *, is_whole: bool) -> FoundRequest:
    row = zip(ROW, request.row(block.kind_id, block.revision), strict=True)
    kind = {each.name: getattr(block, each.name) for each in _KIND}
    return found_request(SimpleNamespace(**kind, **dict(row)), is_whole=is_whole)
