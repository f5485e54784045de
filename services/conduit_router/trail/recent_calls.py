"""The last calls of this router, in memory: so many, and so many bytes.

Everyday successes displace no failures, and calls that took turns none of the others: each kind has
a room of its own.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from itertools import chain
from typing import NamedTuple

from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit_kernel.slices import Slices
from conduit_router.routing.decide import Decision
from conduit_router.routing.table import TableChange
from conduit_router.trail.call_end import CallEnd, EndListener
from conduit_router.trail.records import record_of, status_of, summary_of

# Of each room.
MAX_BYTES = 8 * 1024 * 1024
# About what a call takes that went as usual, and an attempt, and what a decision says of each
# candidate, key or model.
CALL_BYTES, ATTEMPT_BYTES, ENTRY_BYTES = 2_000, 500, 250
# The most that one answer finds.
MAX_FOUND = 1_001
# Nanoseconds from 1970 that no clock reaches: what is newer has the lesser place.
_END_OF_TIME = 10**19


class FoundRequests(NamedTuple):
    """The requests that were found, newest first."""

    found: Sequence[FoundRequest]
    # Whether not all routers could be asked.
    is_partial: bool


class _Room:
    """The last calls of a kind, weighed."""

    def __init__(self, most: int, max_bytes: int) -> None:
        self.calls: deque[CallEnd] = deque()
        self._sizes: deque[int] = deque()
        self._most = most
        self._bytes_left = max_bytes

    def add(self, end: CallEnd) -> None:
        """Remember a call; forget the oldest ones, as far as there is no room for both."""
        size = _size(end)
        self.calls.append(end)
        self._sizes.append(size)
        self._bytes_left -= size
        while self.calls and (len(self.calls) > self._most or self._bytes_left < 0):
            self.calls.popleft()
            self._bytes_left += self._sizes.popleft()


class RecentCalls:
    """Remembers how calls ended, and finds them."""

    def __init__(self, most: int, max_bytes: int = MAX_BYTES) -> None:
        """Take how many calls of each kind are remembered, and how many bytes; 0 for none."""
        # Whatever is plain is small, so that it need not be weighed.
        self._plain = deque[CallEnd](maxlen=min(most, max_bytes // CALL_BYTES))
        self._eventful, self._failed = _Room(most, max_bytes), _Room(most, max_bytes)
        # Set while there are instances that have changed and may be referred to.
        self.stale = asyncio.Event()
        self._changed = set[int]()

    @property
    def listener(self) -> EndListener:
        """Return what hears of the calls' ends."""
        return EndListener(self._plain.append, self._add)

    def find(self, lookup: RequestLookup) -> list[FoundRequest]:
        """Return the calls that are looked for, newest first."""
        if lookup.request_id:
            named = (each for each in self._calls() if each.caller.request_id == lookup.request_id)
            found = min(named, key=_place_of, default=None)
            if found is None:
                return []
            return [FoundRequest(place=_place_of(found), record=record_of(found))]
        limit = max(0, min(lookup.limit, MAX_FOUND))
        places = ((_place_of(each), each) for each in self._calls() if _matches(each, lookup))
        behind = (each for each in places if each[0] > lookup.after)
        first = nsmallest(limit, behind, key=lambda each: each[0])
        return [FoundRequest(place=place, record=summary_of(each)) for place, each in first]

    def apply(self, change: TableChange) -> None:
        """Take the instances that have changed: `settle` what refers to them."""
        self._changed |= change.provider_ids
        self.stale.set()

    async def settle(self) -> None:
        """Let go of instances that are no more, with their keys: what is known is written down."""
        changed, self._changed = self._changed, set()
        slices = Slices()
        for end in list(self._calls()):
            if _refers_to(end, changed):
                end.record = record_of(end).SerializeToString()
                end.decision = end.last_decision = None
            await slices.pause()

    def _add(self, end: CallEnd) -> None:
        room = self._eventful if end.failure is None else self._failed
        room.add(end)

    def _calls(self) -> Iterator[CallEnd]:
        return chain(self._plain, self._eventful.calls, self._failed.calls)


def _place_of(end: CallEnd) -> str:
    return f"{_END_OF_TIME - int(end.at * 1e9):020d}{end.caller.request_id}"


def _matches(end: CallEnd, lookup: RequestLookup) -> bool:
    is_model = not lookup.model_alias or end.model == lookup.model_alias
    return is_model and lookup.status in {0, status_of(end)}


def _refers_to(end: CallEnd, provider_ids: set[int]) -> bool:
    return any(
        each.candidate.provider_id in provider_ids
        for decision in (end.decision, end.last_decision)
        if decision is not None
        for each in (*decision.candidates, *decision.conditional)
    )


def _size(end: CallEnd) -> int:
    decisions = [each for each in (end.decision, end.last_decision) if each is not None]
    entries = sum(map(_entries, decisions))
    return CALL_BYTES + ATTEMPT_BYTES * len(end.trail) + ENTRY_BYTES * entries


def _entries(decision: Decision) -> int:
    health, balances = decision.health, [decision.balance, *(b for _, b in decision.fallbacks)]
    return (
        len(decision.candidates)
        + len(decision.conditional)
        + len(decision.rejections)
        + len(decision.resting)
        + len(health.open_circuits)
        + len(health.cooldowns)
        + len(health.returning)
        + sum(len(each.scores) + len(each.key_scores) for each in balances)
    )
