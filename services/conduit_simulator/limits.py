"""Rate limits per key, and the headers that tell of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60.0
REQUESTS_PER_MINUTE = 1_000_000
TOKENS_PER_MINUTE = 1_000_000_000
# The oldest buckets go when there are more.
MAX_BUCKETS = 10_000


@dataclass(slots=True)
class Bucket:
    """The rest of an allowance that flows back evenly."""

    limit: int
    left: float
    at: float

    def spend(self, amount: float, now: float) -> bool:
        """Take from the bucket; False, and nothing taken, if there is not enough."""
        flowed = (now - self.at) * self.limit / WINDOW_SECONDS
        self.left = min(self.limit, self.left + flowed)
        self.at = now
        if amount > self.left:
            return False
        self.left -= amount
        return True

    def seconds_until(self, amount: float) -> float:
        """Return how long it takes until so much is there."""
        return max(0.0, (amount - self.left) * WINDOW_SECONDS / self.limit)


class RateLimits:
    """The buckets of all keys. Ordinary ones are so large that only their headers matter."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a monotonic clock."""
        self._clock = clock
        self._buckets: dict[tuple[str, str, int], Bucket] = {}

    def count_request(self, key: str, limit: int) -> float | None:
        """Count a request against a limit per minute; else the seconds until there is room."""
        bucket = self._bucket(key, "requests", limit)
        return None if bucket.spend(1, self._clock()) else bucket.seconds_until(1)

    def count_tokens(self, key: str, tokens: int) -> None:
        """Count tokens; they are never refused."""
        self._bucket(key, "tokens", TOKENS_PER_MINUTE).spend(tokens, self._clock())

    def headers(self, key: str, limit: int) -> tuple[tuple[bytes, bytes], ...]:
        """Return OpenAI's headers on what a key has left."""
        fields: list[tuple[bytes, bytes]] = []
        for unit, size in (("requests", limit), ("tokens", TOKENS_PER_MINUTE)):
            bucket = self._bucket(key, unit, size)
            name = unit.encode()
            reset = _duration(bucket.seconds_until(size))
            fields += (
                (b"x-ratelimit-limit-" + name, b"%d" % size),
                (b"x-ratelimit-remaining-" + name, b"%d" % int(bucket.left)),
                (b"x-ratelimit-reset-" + name, reset.encode()),
            )
        return tuple(fields)

    def _bucket(self, key: str, unit: str, limit: int) -> Bucket:
        name = (key, unit, limit)
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= MAX_BUCKETS:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[name] = Bucket(limit, limit, self._clock())
        return bucket


def _duration(seconds: float) -> str:
    """Spell a duration as OpenAI does: `6ms`, `1.5s`, `2m3s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds * 1000) / 1000, 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
