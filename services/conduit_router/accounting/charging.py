"""Records every attempt: a charge if it cost something, statistics in any case."""

import math
from collections.abc import Callable

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.v1 import charge_pb2 as pb
from conduit_kernel.ids import ID_LENGTH, IdSource
from conduit_providers.operation import Requirements
from conduit_providers.quantities import Qualifiers
from conduit_router.accounting.backlog import Backlog
from conduit_router.accounting.prices import PriceList, charge_lines
from conduit_router.accounting.protowire import data_tag, delimited, number_tag, varint
from conduit_router.accounting.segment import CHARGE, TALLY
from conduit_router.accounting.spool import Spool
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.table import Candidate, UpstreamKey

# Bucket i of the durations begins at 10 ms * 1.1^i.
BUCKET_BASE_MS = 10.0
_LOG_STEP = math.log(1.1)
# More different kinds of calls with one key than this start over.
MAX_CONSTANTS = 1000
_ID = data_tag(pb.Charge, "id") + varint(ID_LENGTH)
_REQUEST_ID = data_tag(pb.Charge, "request_id")
_OCCURRED_AT = data_tag(pb.Charge, "occurred_at")
_COST = number_tag(pb.Charge, "cost_nano_usd")
_DURATION = number_tag(pb.Charge, "duration_ms")

# Alias, operation, model, virtual key, version of the price, where the usage is from, whether it is
# complete, and the qualifiers: what the constant part of a charge depends on.
_Kind = tuple[str, str, str, int, str, pb.UsageSource.ValueType, bool, Qualifiers]


class _AttemptStats:
    __slots__ = ("buckets", "failures", "ms", "successes")

    def __init__(self) -> None:
        self.successes = 0
        self.failures = 0
        self.ms = 0.0
        self.buckets: dict[int, int] = {}


class ChargeRecorder:
    """Writes charges and attempt statistics to the spool."""

    def __init__(
        self,
        spool: Spool,
        prices: PriceList,
        ids: IdSource,
        clock: Callable[[], float],
        *,
        backlog: Backlog | None = None,
    ) -> None:
        """Take where charges are kept that the disk refuses."""
        self._spool = spool
        self.backlog = backlog or Backlog(spool)
        self.prices = prices
        self._ids = ids
        self._clock = clock
        # By instance, since a point of time.
        self._stats: dict[int, _AttemptStats] = {}
        self._stats_since = clock()
        # The millisecond that is now, and how charges write it.
        self._now = -1
        self._occurred_at = b""
        self._log = structlog.get_logger("charging")

    def charge(
        self,
        caller: CallerContext,
        requirements: Requirements,
        attempt: Attempt,
        consumption: Consumption,
        duration_ms: float,
    ) -> int | None:
        """Store the charge of an attempt; return its cost in nano-dollars, None if unknown."""
        candidate, key = attempt.candidate, attempt.key
        card = self.prices.card(candidate.provider_id, candidate.model)
        usage = consumption.usage
        lines, cost = charge_lines(usage, card)
        kind = (
            requirements.model,
            requirements.operation,
            candidate.model,
            caller.caller.virtual_key_id,
            card.version,
            consumption.source if usage.is_consistent else pb.USAGE_SOURCE_INCONSISTENT,
            consumption.is_complete,
            usage.qualifiers,
        )
        constant = key.charges.get(kind)
        if constant is None:
            constant = _constant_part(candidate, key, kind)
            if not usage.is_consistent:
                # Each is marked as such in the ledger; here the first of its kind is enough.
                self._log.warning(
                    "usage_inconsistent",
                    provider_type=candidate.instance.provider.provider_type,
                    model=candidate.model,
                    leaves=usage.leaves,
                )
            if len(key.charges) >= MAX_CONSTANTS:
                key.charges.clear()
            key.charges[kind] = constant
        now = int(self._clock() * 1000)
        if now != self._now:
            self._now, self._occurred_at = now, _occurred_at(now)
        name = caller.request_id.encode()
        # A message is its fields, one after the other, in any order.
        parts = [
            constant,
            _ID,
            self._ids.next().encode(),
            _REQUEST_ID,
            varint(len(name)),
            name,
            self._occurred_at,
            lines,
            _DURATION,
            varint(int(duration_ms)),
        ]
        if cost is not None:
            parts += (_COST, varint(cost))
        self.store(CHARGE, b"".join(parts))
        return cost

    def count_attempt(self, provider_id: int, duration_ms: float, *, is_success: bool) -> None:
        """Count an attempt at an instance."""
        stats = self._stats.get(provider_id)
        if stats is None:
            stats = self._stats[provider_id] = _AttemptStats()
        if is_success:
            stats.successes += 1
        else:
            stats.failures += 1
        stats.ms += duration_ms
        ratio = duration_ms / BUCKET_BASE_MS
        bucket = int(math.log(ratio) / _LOG_STEP) if ratio > 1.0 else 0
        stats.buckets[bucket] = stats.buckets.get(bucket, 0) + 1
        self._spool.waiting.set()

    def store(self, kind: bytes, message: bytes) -> None:
        """Write a record to the spool, or keep it if the disk refuses it or others before it."""
        backlog = self.backlog
        if backlog.records:
            backlog.keep(kind, message)
            return
        try:
            self._spool.append(kind, message)
        except OSError as error:
            backlog.keep(kind, message, error)

    def flush(self) -> None:
        """Store the attempt statistics; they add up for as long as the disk takes none."""
        if self.backlog.records:
            return
        by_provider, self._stats = self._stats, {}
        since, self._stats_since = self._stats_since, self._clock()
        for provider_id, stats in by_provider.items():
            count = CallTally(
                id=self._ids.next(),
                provider_id=provider_id,
                successes=stats.successes,
                failures=stats.failures,
                duration_buckets=stats.buckets,
                duration_ms_sum=int(stats.ms),
            )
            count.started_at.FromNanoseconds(int(since * 1e9))
            self.store(TALLY, count.SerializeToString())


def _occurred_at(milliseconds: int) -> bytes:
    """Return when a charge was made, in milliseconds since 1970, as the charge has it."""
    seconds, rest = divmod(milliseconds, 1000)
    timestamp = Timestamp(seconds=seconds, nanos=rest * 1_000_000)
    return delimited(_OCCURRED_AT, timestamp.SerializeToString())


def _constant_part(candidate: Candidate, key: UpstreamKey, kind: _Kind) -> bytes:
    """Return the part of a charge that is the same for each call of a kind with a key."""
    alias, operation, model, virtual_key_id, price_version, source, is_complete, qualifiers = kind
    provider = candidate.instance.provider
    return pb.Charge(
        provider_id=provider.id,
        provider_type=provider.provider_type,
        key_id=key.key_id,
        provider_account_group=key.account_group,
        virtual_key_id=virtual_key_id,
        model_alias=alias,
        actual_model_name=model,
        operation=operation,
        price_version=price_version,
        usage_source=source,
        is_complete=is_complete,
        qualifiers=dict(qualifiers),
    ).SerializeToString()
