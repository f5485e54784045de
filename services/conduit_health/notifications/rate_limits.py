"""Notices when a limit of a key is nearly used up."""

from collections.abc import Iterator
from typing import NamedTuple

from conduit.v1 import notification_pb2 as pb
from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit

NEAR_SHARE = 0.8
# A limit that goes up and down around the mark is told of no more often.
QUIET_SECONDS = 300.0


class _Limit(NamedTuple):
    """A limit of a key."""

    provider_id: int
    key_id: str
    name: str


class RateLimitWatch:
    """Remembers which limits were near their end, so that each is told of once."""

    def __init__(self) -> None:
        self._near: set[_Limit] = set()
        self._quiet_until: dict[_Limit, float] = {}

    def observe(
        self, provider_id: int, key_id: str, limits: KeyRateLimits, now: float
    ) -> Iterator[pb.Notification]:
        """Take what an answer said of a key's limits; yield what became of it."""
        both = {"requests": limits.requests_per_minute, "tokens": limits.tokens_per_minute}
        for name, limit in both.items():
            if not limit.HasField("remaining") or limit.limit <= 0:
                continue
            each = _Limit(provider_id, key_id, name)
            if _used(limit) < NEAR_SHARE:
                self._near.discard(each)
            elif each not in self._near:
                self._near.add(each)
                if now >= self._quiet_until.get(each, 0.0):
                    self._quiet_until[each] = now + QUIET_SECONDS
                    yield _notification(each, limit)

    def forget(self, provider_id: int) -> None:
        """Forget an instance that is gone."""
        self._near = {each for each in self._near if each.provider_id != provider_id}
        self._quiet_until = {
            each: until
            for each, until in self._quiet_until.items()
            if each.provider_id != provider_id
        }


def _used(limit: RateLimit) -> float:
    return 1.0 - max(0, min(limit.remaining, limit.limit)) / limit.limit


def _notification(which: _Limit, limit: RateLimit) -> pb.Notification:
    percent = round(100 * _used(limit), 1)
    data = pb.RateLimitNotification(
        key_id=which.key_id,
        limit_name=which.name,
        limit=limit.limit,
        remaining=limit.remaining,
        percentage_used=percent,
        resets_at=limit.resets_at if limit.HasField("resets_at") else None,
    )
    message = f"The key {which.key_id} has used {percent:g} % of its limit of {which.name}"
    return pb.Notification(
        kind=pb.NOTIFICATION_KIND_RATE_LIMIT_NEAR, message=message, rate_limit=data
    )
