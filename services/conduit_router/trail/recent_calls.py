"""The last calls of this router, in memory: so many, and so many bytes.

Everyday successes displace no failures, and no calls that took turns, also while something is amiss
elsewhere: each kind has a room of its own.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import chain
from typing import NamedTuple

from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit_kernel.request_places import place_of
from conduit_kernel.slices import Slices
from conduit_router.routing.decide import Decision
from conduit_router.routing.table import Instance, TableChange
from conduit_router.trail.call_end import CallEnd, EndListener, PlainEnd
from conduit_router.trail.filters import fits
from conduit_router.trail.records import record_of, status_of, summary_of

# Of each room.
MAX_BYTES = 8 * 1024 * 1024
# About what a call takes that went as usual, and an attempt, and what a decision says of each
# candidate, key or model.
CALL_BYTES, ATTEMPT_BYTES, ENTRY_BYTES = 2_000, 500, 250
# The most that one answer finds.
MAX_FOUND = 1_001


class FoundRequests(NamedTuple):
    """The requests that were found, newest first."""

    found: Sequence[FoundRequest]
    # Whether not all routers, or not the log, could be asked.
    is_partial: bool
    # The place up to which was looked; empty if all was, or as many were found as asked for.
    looked_until: str = ""


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
        self._plain = deque[PlainEnd](maxlen=min(most, max_bytes // CALL_BYTES))
        # Successes without a turn, such as those of an outage elsewhere; those with one; failures.
        self._usual, self._eventful, self._failed = (_Room(most, max_bytes) for _ in range(3))
        # Set while there are instances that have changed and may be referred to.
        self.stale = asyncio.Event()
        # Those that there are; None before any is known.
        self._instances: Mapping[int, Instance] | None = None

    @property
    def listener(self) -> EndListener:
        """Return what hears of the calls' ends."""
        return EndListener(self._plain.append, self._add)

    def find(self, lookup: RequestLookup) -> list[FoundRequest]:
        """Return the calls that are looked for, newest first."""
        if lookup.request_id:
            found = min(self._named(lookup.request_id), key=_place_of, default=None)
            if found is None:
                return []
            return [FoundRequest(place=_place_of(found), record=record_of(found))]
        limit = max(0, min(lookup.limit, MAX_FOUND))
        places = ((_place_of(each), each) for each in self._calls() if _matches(each, lookup))
        behind = (each for each in places if each[0] > lookup.after)
        first = nsmallest(limit, behind, key=lambda each: each[0])
        return [FoundRequest(place=place, record=summary_of(each)) for place, each in first]

    def apply(self, change: TableChange) -> None:
        """Take the instances that there are now: `settle` what refers to others."""
        self._instances = change.after.instances
        self.stale.set()

    async def settle(self) -> None:
        """Let go of instances that are no more, with their keys: what is known is written down."""
        slices = Slices()
        for plain in list(self._plain):
            self._let_go_plain(plain)
            await slices.pause()
        for end in list(self._weighed()):
            self._let_go(end)
            await slices.pause()

    def _add(self, end: CallEnd) -> None:
        # Others than plain ones may have begun before the last change.
        self._let_go(end)
        if end.failure is not None:
            self._failed.add(end)
        elif end.trail or end.last_decision is not None:
            self._eventful.add(end)
        else:
            self._usual.add(end)

    def _let_go(self, end: CallEnd) -> None:
        """Write a call down that refers to an instance that is no more."""
        if self._instances is not None and _refers_to_others(end, self._instances):
            end.record = record_of(end).SerializeToString()
            end.decision = end.last_decision = None

    def _let_go_plain(self, plain: PlainEnd) -> None:
        if self._instances is not None and _refers(plain.decision, self._instances):
            plain.record = record_of(plain.whole()).SerializeToString()
            plain.decision = None

    def _named(self, request_id: str) -> Iterator[CallEnd]:
        name = request_id.encode()
        plain = (each.whole() for each in self._plain if each.may_be(name))
        for end in chain(plain, self._weighed()):
            if end.caller.request_id == request_id:
                yield end

    def _calls(self) -> Iterator[CallEnd]:
        return chain((each.whole() for each in self._plain), self._weighed())

    def _weighed(self) -> Iterator[CallEnd]:
        return chain(self._usual.calls, self._eventful.calls, self._failed.calls)


def _place_of(end: CallEnd) -> str:
    return place_of(end.at, end.caller.request_id)


def _matches(end: CallEnd, lookup: RequestLookup) -> bool:
    is_model = not lookup.model_alias or end.model == lookup.model_alias
    is_right = is_model and lookup.status in {0, status_of(end)}
    return is_right and (not lookup.HasField("filter") or fits(end, lookup.filter))


def _refers_to_others(end: CallEnd, instances: Mapping[int, Instance]) -> bool:
    return _refers(end.decision, instances) or _refers(end.last_decision, instances)


def _refers(decision: Decision | None, instances: Mapping[int, Instance]) -> bool:
    """Return whether a decision refers to others than the instances that there are."""
    return decision is not None and any(
        instances.get(each.candidate.provider_id) is not each.candidate.instance
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
