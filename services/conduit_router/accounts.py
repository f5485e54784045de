"""Accounts for every attempt: a charge if it cost something, a tally in any case."""

import math
from collections.abc import Callable
from typing import NamedTuple

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1 import charge_pb2 as pb
from conduit_kernel.ids import IdSource
from conduit_providers.usage import Usage
from conduit_router.prices import PriceList, charge_lines
from conduit_router.spool import CHARGE, TALLY, Spool
from conduit_router.table import Caller, Candidate, Line

# Bucket i of a tally's durations begins at 10 ms * 1.1^i.
BUCKET_BASE_MS = 10.0
_LOG_STEP = math.log(1.1)


class Consumption(NamedTuple):
    """What an attempt used, and how well it is known."""

    usage: Usage
    source: pb.UsageSource.ValueType
    is_complete: bool


class _Tally:
    __slots__ = ("buckets", "failures", "ms", "successes")

    def __init__(self) -> None:
        self.successes = 0
        self.failures = 0
        self.ms = 0.0
        self.buckets: dict[int, int] = {}


class Accounts:
    """Writes charges and tallies to the spool."""

    def __init__(
        self, spool: Spool, prices: PriceList, ids: IdSource, clock: Callable[[], float]
    ) -> None:
        self._spool = spool
        self._prices = prices
        self._ids = ids
        self._clock = clock
        self._tallies: dict[int, _Tally] = {}
        self._tally_start = clock()
        # What the disk refused, to be tried again.
        self._refused: list[tuple[bytes, bytes]] = []
        self._log = structlog.get_logger("accounts")

    def charge(
        self,
        *,
        consumption: Consumption,
        candidate: Candidate,
        line: Line,
        caller: Caller,
        alias: str,
        operation: str,
        request_id: str,
        duration_ms: float,
    ) -> int | None:
        """Store the charge of an attempt; return its cost in nano-dollars, None if unknown."""
        card = self._prices.card(candidate.provider_id, candidate.model)
        lines, cost = charge_lines(consumption.usage, card)
        now = self._clock()
        seconds = int(now)
        charge = pb.Charge(
            id=self._ids.next(),
            request_id=request_id,
            occurred_at=Timestamp(seconds=seconds, nanos=int((now - seconds) * 1e9)),
            virtual_key_id=caller.virtual_key.id,
            lines=lines,
            cost_nano_usd=cost,
            price_version=card.version,
            usage_source=consumption.source,
            is_complete=consumption.is_complete,
            duration_ms=int(duration_ms),
        )
        constant = line.charge_constants.get((alias, candidate.model, operation))
        if constant is None:
            constant = _constant_part(candidate, line, alias, operation)
            line.charge_constants[alias, candidate.model, operation] = constant
        # Protobuf messages that are written one after the other are read as one.
        self._store(CHARGE, constant + charge.SerializeToString())
        return cost

    def tally(self, provider_id: int, duration_ms: float, *, is_success: bool) -> None:
        """Count an attempt."""
        tally = self._tallies.get(provider_id)
        if tally is None:
            tally = self._tallies[provider_id] = _Tally()
        if is_success:
            tally.successes += 1
        else:
            tally.failures += 1
        tally.ms += duration_ms
        ratio = duration_ms / BUCKET_BASE_MS
        bucket = int(math.log(ratio) / _LOG_STEP) if ratio > 1.0 else 0
        tally.buckets[bucket] = tally.buckets.get(bucket, 0) + 1

    def flush(self) -> None:
        """Store the tallies, and what the disk refused before."""
        refused, self._refused = self._refused, []
        for kind, message in refused:
            self._store(kind, message)
        tallies, self._tallies = self._tallies, {}
        started, self._tally_start = self._tally_start, self._clock()
        for provider_id, tally in tallies.items():
            count = pb.CallTally(
                id=self._ids.next(),
                provider_id=provider_id,
                successes=tally.successes,
                failures=tally.failures,
                duration_buckets=tally.buckets,
                duration_ms_sum=int(tally.ms),
            )
            count.started_at.FromNanoseconds(int(started * 1e9))
            self._store(TALLY, count.SerializeToString())

    def _store(self, kind: bytes, message: bytes) -> None:
        try:
            self._spool.append(kind, message)
        except OSError as error:
            self._log.error("spool_refused", reason=str(error), waiting=len(self._refused) + 1)
            self._refused.append((kind, message))


def _constant_part(candidate: Candidate, line: Line, alias: str, operation: str) -> bytes:
    """Return the part of a charge that is the same for each call along a line."""
    provider = candidate.instance.provider
    return pb.Charge(
        provider_id=provider.id,
        provider_type=provider.provider_type,
        key_id=line.key_id,
        provider_account_group=line.account_group,
        model_alias=alias,
        actual_model_name=candidate.model,
        operation=operation,
    ).SerializeToString()
