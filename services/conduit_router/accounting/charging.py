"""Records every attempt: a charge if it cost something, statistics in any case."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.v1 import charge_pb2 as pb
from conduit_kernel.ended_call import ENDED_CALL
from conduit_kernel.errors import UpstreamError
from conduit_kernel.ids import ID_LENGTH, IdSource
from conduit_providers.operation import Requirements
from conduit_providers.quantities import INPUT_LEAVES, OUTPUT_LEAVES, Qualifiers
from conduit_providers.tags import unique
from conduit_router.accounting.backlog import Backlog
from conduit_router.accounting.call_counts import (
    ATTEMPT_BOUNDS,
    MAX_COUNTS,
    OTHERS,
    AttemptCounts,
    CallCounts,
    outcome_of,
)
from conduit_router.accounting.prices import PriceCard, PriceList, charge_lines
from conduit_router.accounting.protowire import data_tag, delimited, number_tag, varint
from conduit_router.accounting.segment import CHARGE, TALLY
from conduit_router.accounting.spool import Spool
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan, Consumption
from conduit_router.routing.table import Candidate, UpstreamKey
from conduit_router.spending.purse import Reserved

# Bucket i of the durations begins at 10 ms * 1.1^i, the least one at nothing.
BUCKET_BASE_MS = 10.0
LEAST_BUCKET = -50
# Where those after the least begin; the last one after weeks.
_BUCKETS = tuple(BUCKET_BASE_MS * 1.1**step for step in range(LEAST_BUCKET + 1, 201))
NANO = 1_000_000_000
# More different kinds of calls with one key than this start over.
MAX_CONSTANTS = 1000
_ID = data_tag(pb.Charge, "id") + varint(ID_LENGTH)
_TAG = data_tag(pb.Charge, "tags")
_LEASE_ID = data_tag(pb.Charge, "lease_id") + varint(ID_LENGTH)
_REQUEST_ID = data_tag(pb.Charge, "request_id")
# By the length of the id; most are ours, and of one length.
_SHORT = 128
_REQUEST_IDS = tuple(_REQUEST_ID + varint(size) for size in range(_SHORT))
_OCCURRED_AT = data_tag(pb.Charge, "occurred_at")
_COST = number_tag(pb.Charge, "cost_nano_usd")
_PROVIDER_COST = number_tag(pb.Charge, "provider_cost_nano_usd")
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
        tells_calls: bool = False,
    ) -> None:
        """Take where charges are kept that the disk refuses.

        `tells_calls`: whether a line is written of each call, which wants to know its facts.
        """
        self._spool = spool
        self.backlog = backlog or Backlog(spool)
        self.prices = prices
        self._tells_calls = tells_calls
        self._ids = ids
        self._clock = clock
        # By instance, key, model and operation; by alias and operation.
        self.attempts: dict[tuple[int, str, str, str], AttemptCounts] = {}
        self.calls: dict[tuple[str, str], CallCounts] = {}
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
        *,
        counts: AttemptCounts,
        paid_from: Reserved | None = None,
        card: PriceCard | None = None,
        charge_id: str = "",
    ) -> int | None:
        """Store the charge of an attempt, and count it, also in what was reserved for its call.

        `card` has its prices where they are not the model's own; `charge_id` is its id where it
        may be stored again, and is to count once all the same.
        Returns its cost in nano-dollars, None if that is unknown.
        """
        candidate, key = attempt.candidate, attempt.key
        if card is None:
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
            (charge_id or self._ids.next()).encode(),
            _REQUEST_IDS[len(name)] if len(name) < _SHORT else _REQUEST_ID + varint(len(name)),
            name,
            self._occurred_at,
            lines,
            _DURATION,
            varint(int(duration_ms)),
        ]
        if paid_from is not None and (lease_id := paid_from.pay(usage, cost or 0)):
            parts += (_LEASE_ID, lease_id.encode())
        if usage.provider_cost is not None:
            parts += (_PROVIDER_COST, varint(usage.provider_cost))
        own = caller.caller.tags
        parts += _tags(own, requirements.tags) if own or requirements.tags else ()
        units = counts.units
        for unit, quantity in usage.leaves:
            units[unit] = units.get(unit, 0) + quantity
        if cost is not None:
            counts.nano_usd += cost
            parts += (_COST, varint(cost))
        else:
            counts.unpriced += 1
        self.store(CHARGE, b"".join(parts))
        return cost

    def count_attempt(
        self,
        attempt: Attempt,
        requirements: Requirements,
        duration_ms: float,
        error: BaseException | None = None,
    ) -> AttemptCounts:
        """Count an attempt that is over, and how it failed; return where."""
        outcome = "" if error is None else outcome_of(error)
        counts = self.counts_of(attempt, requirements.operation)
        counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + 1
        counts.buckets[bisect_left(ATTEMPT_BOUNDS, duration_ms)] += 1
        counts.ms += duration_ms
        if requirements.stream and error is None:
            first = attempt.waited * 1000
            counts.first_buckets[bisect_left(ATTEMPT_BOUNDS, first)] += 1
            counts.first_ms += first
        if error is None or isinstance(error, UpstreamError):
            # Nobody else's failure says anything of a provider.
            self._tally(attempt.candidate.provider_id, duration_ms, is_success=error is None)
        return counts

    def count_call(
        self, alias: str, operation: str, outcome: str = "", *, fallbacks: int = 0
    ) -> None:
        """Count a call of an alias that is mapped; `outcome` is as it is of attempts."""
        counts = self.calls.get((alias, operation))
        if counts is None:
            at = (alias if len(self.calls) < MAX_COUNTS else OTHERS, operation)
            counts = self.calls.setdefault(at, CallCounts())
        counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + 1
        counts.fallbacks += fallbacks

    def end_call(
        self,
        caller: CallerContext,
        requirements: Requirements,
        plan: AttemptPlan,
        ended: Sequence[Attempt],
        outcome: str,
    ) -> None:
        """Count a call, and leave what its line in the log has to tell."""
        alias, operation = requirements.model, requirements.operation
        self.count_call(alias, operation, outcome, fallbacks=plan.fallbacks)
        if not self._tells_calls:
            return
        facts = _facts(caller, alias, operation)
        facts |= {"attempts": plan.attempts, "fallbacks": plan.fallbacks}
        if ended:
            last = ended[-1]
            facts["provider"] = last.key.provider_name
            facts["provider_id"] = last.candidate.provider_id
            facts["key_id"] = last.key.key_id
            facts["actual_model"] = last.candidate.model
            if requirements.stream and last.waited:
                facts["first_token_ms"] = round(last.waited * 1000, 3)
            _add_spent(facts, ended)
        ENDED_CALL.set(facts)

    def end_refused(self, caller: CallerContext, alias: str, operation: str) -> None:
        """Leave what the log has to tell of a call that was not admitted."""
        if self._tells_calls:
            ENDED_CALL.set(_facts(caller, alias, operation) | {"attempts": 0})

    def counts_of(self, attempt: Attempt, operation: str) -> AttemptCounts:
        """Return where attempts of an operation like this one are counted."""
        candidate, key = attempt.candidate, attempt.key
        at = candidate.provider_id, key.key_id, candidate.model, operation
        counts = self.attempts.get(at)
        if counts is None:
            provider = candidate.instance.provider
            counts = AttemptCounts(
                provider.name, provider.provider_type, candidate.model, key.key_id, operation
            )
            if len(self.attempts) >= MAX_COUNTS:
                at = (0, "", OTHERS, operation)
                counts = AttemptCounts(OTHERS, "", OTHERS, "", operation)
            counts = self.attempts.setdefault(at, counts)
        return counts

    def _tally(self, provider_id: int, duration_ms: float, *, is_success: bool) -> None:
        stats = self._stats.get(provider_id)
        if stats is None:
            stats = self._stats[provider_id] = _AttemptStats()
            self._spool.waiting.set()
        if is_success:
            stats.successes += 1
        else:
            stats.failures += 1
        stats.ms += duration_ms
        bucket = bisect_right(_BUCKETS, duration_ms) + LEAST_BUCKET
        stats.buckets[bucket] = stats.buckets.get(bucket, 0) + 1

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


def _facts(caller: CallerContext, alias: str, operation: str) -> dict[str, object]:
    return {
        "request_id": caller.request_id,
        "virtual_key_id": caller.caller.virtual_key_id,
        "model": alias,
        "operation": operation,
    }


def _add_spent(facts: dict[str, object], ended: Sequence[Attempt]) -> None:
    """Add what all attempts of a call used and cost, as far as that is known."""
    read = written = nano_usd = 0
    is_priced = True
    for attempt in ended:
        if attempt.consumption is None:
            continue
        for unit, count in attempt.consumption.usage.leaves:
            read += count if unit in INPUT_LEAVES else 0
            written += count if unit in OUTPUT_LEAVES else 0
        is_priced = is_priced and attempt.cost is not None
        nano_usd += attempt.cost or 0
    facts["input_tokens"], facts["output_tokens"] = read, written
    facts["cost_usd"] = nano_usd / NANO if is_priced else None


def _tags(own: Sequence[str], others: Sequence[str]) -> list[bytes]:
    return [delimited(_TAG, tag.encode()) for tag in unique([*own, *others])]


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
