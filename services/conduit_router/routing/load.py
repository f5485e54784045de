"""What a router measures of instances and keys, for strategies that go by it."""

from collections import Counter
from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

from conduit_kernel.counters import decrement
from conduit_providers.rate_limits import Limit, RateLimits, read_rate_limits
from conduit_providers.spec import RateLimitHeaders
from conduit_router.routing.balancing import Place

# The weight of the newest latency in the average.
NEWEST = 0.3
# What was measured longer ago says nothing of now: one call finds out.
FRESH_SECONDS = 60.0
# A failure counts as an answer that took as long, at least.
FAILURE_SECONDS = 10.0


class _Latency(NamedTuple):
    seconds: float
    measured_at: float


class _Quota(NamedTuple):
    limits: RateLimits
    told_at: float


class Load:
    """Calls under way, latencies and quotas. Scores: less is better."""

    def __init__(self, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._calls = Counter[int]()
        self._measuring = Counter[Place]()
        self._latencies: dict[Place, _Latency] = {}
        self._quotas: dict[str, _Quota] = {}

    def begin(self, place: Place) -> None:
        """Note that an attempt at a model of an instance begins."""
        self._calls[place[0]] += 1
        self._measuring[place] += 1

    def end(self, place: Place, seconds: float | None) -> None:
        """Note that one ended, and after how long its first token came; None if it tells nothing.

        What failed by the instance's fault counts as slow.
        """
        decrement(self._calls, place[0])
        decrement(self._measuring, place)
        if seconds is None:
            return
        now = self._clock()
        known = self._latencies.get(place)
        if known is not None and now - known.measured_at < FRESH_SECONDS:
            seconds = known.seconds + NEWEST * (seconds - known.seconds)
        self._latencies[place] = _Latency(seconds, now)

    def note_quota(self, key_id: str, headers: Mapping[str, str], names: RateLimitHeaders) -> None:
        """Note what an answer tells of a key's rate limits, if anything."""
        now = self._wall_clock()
        limits = read_rate_limits(headers, names, now)
        if limits.requests or limits.tokens:
            self._quotas[key_id] = _Quota(limits, now)

    def forget(self) -> None:
        """Forget what nobody goes by any more."""
        self._latencies.clear()
        self._quotas.clear()

    def busyness(self, provider_id: int, weight: int) -> float:
        """Return the calls under way at an instance, for its weight."""
        return self._calls[provider_id] / weight

    def latency(self, place: Place) -> float:
        """Return the seconds that a model of an instance takes; -inf where a call must find out."""
        known = self._latencies.get(place)
        if known is not None and self._clock() - known.measured_at < FRESH_SECONDS:
            return known.seconds
        # One call finds out, not the herd.
        return inf if self._measuring[place] else -inf

    def usage(self, key_id: str) -> float:
        """Return the used share of a key's limits; -inf where its provider told nothing of late."""
        known = self._quotas.get(key_id)
        if known is None:
            return -inf
        now = self._wall_clock()
        return max((_used(each, known.told_at, now) for each in known.limits), default=-inf)


def _used(limit: Limit | None, told_at: float, now: float) -> float:
    if limit is None or not limit.limit or limit.remaining is None:
        return -inf
    resets_at = told_at + FRESH_SECONDS if limit.resets_at is None else limit.resets_at
    return 1.0 - limit.remaining / limit.limit if now < resets_at else -inf
