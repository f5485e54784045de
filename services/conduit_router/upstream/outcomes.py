"""Gathers the outcomes of attempts for the Health service and the Registry."""

import asyncio
from collections.abc import Callable

from conduit.internal.v1.outcome_pb2 import Outcome
from conduit.internal.v1.snapshot_service_pb2 import KeyUse
from conduit.v1 import error_reason_pb2
from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit
from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import Headers
from conduit_providers.rate_limits import Limit, read_rate_limits
from conduit_providers.spec import ProviderSpec
from conduit_router.routing.table import Candidate, UpstreamKey
from conduit_router.upstream.transport import LazyHeaders

# Failures beyond this many between two reports are counted by key, not reported one by one.
MAX_FAILURES = 1000


class _Successes:
    __slots__ = ("count", "ended_at", "headers", "ms", "provider_id", "spec")

    def __init__(self, provider_id: int, spec: ProviderSpec) -> None:
        self.provider_id = provider_id
        self.spec = spec
        self.count = 0
        self.ended_at = 0.0
        self.ms = 0.0
        self.headers: Headers | None = None


class Outcomes:
    """Keeps the last success of each key and all failures until they are taken."""

    def __init__(self, clock: Callable[[], float]) -> None:
        # Set while there are outcomes to report, and while there are uses of keys.
        self.waiting = asyncio.Event()
        self.used = asyncio.Event()
        # Sees the headers of each answer at once, where somebody goes by them.
        self.on_headers: Callable[[Candidate, UpstreamKey, Headers], None] | None = None
        self._clock = clock
        self._successes: dict[tuple[int, str], _Successes] = {}
        self._failures: list[Outcome] = []
        # By instance, key and caller: what its failures beyond the bound are counted in.
        self._last_failures: dict[tuple[int, str, int], Outcome] = {}
        # By key: when it was last used, and how often.
        self._used: dict[str, tuple[float, int]] = {}

    def succeeded(
        self, candidate: Candidate, key: UpstreamKey, response_ms: float, headers: Headers
    ) -> None:
        """Note an answer. The headers are read when the report is made, not now."""
        provider_id = candidate.provider_id
        entry = self._successes.get((provider_id, key.key_id))
        if entry is None:
            entry = _Successes(provider_id, candidate.instance.spec)
            self._successes[provider_id, key.key_id] = entry
            self.waiting.set()
        entry.count += 1
        entry.ended_at = self._clock()
        entry.ms = response_ms
        entry.headers = headers
        if self.on_headers is not None:
            self.on_headers(candidate, key, headers)

    def failed(
        self, candidate: Candidate, key: UpstreamKey, error: UpstreamError, caller: int = 0
    ) -> None:
        """Note a failure; `caller` is the virtual key's id, 0 where no request brings it about."""
        now = self._clock()
        self._note_use(key.key_id, now, 1)
        self.waiting.set()
        name = candidate.provider_id, key.key_id, caller
        last = self._last_failures.get(name)
        if last is not None and len(self._failures) >= MAX_FAILURES:
            last.count += 1
            return
        outcome = Outcome(
            provider_id=candidate.provider_id,
            key_id=key.key_id,
            http_status=int(error.metadata.get("status", "0")),
            reason=error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{error.reason}"),
            detail=error.message,
            count=1,
            virtual_key_id=caller,
        )
        outcome.ended_at.FromNanoseconds(int(now * 1e9))
        self._failures.append(outcome)
        self._last_failures[name] = outcome

    def drain(self) -> list[Outcome]:
        """Return what happened since the last time, and forget it."""
        failures, self._failures = self._failures, []
        self._last_failures = {}
        successes, self._successes = self._successes, {}
        for (_, key_id), entry in successes.items():
            self._note_use(key_id, entry.ended_at, entry.count)
        return failures + [_outcome(key_id, e) for (_, key_id), e in successes.items()]

    def drain_uses(self) -> list[KeyUse]:
        """Return when keys were last used since the last time, and forget it."""
        used, self._used = self._used, {}
        uses = []
        for key_id, (at, count) in used.items():
            if key_id:
                use = KeyUse(key_id=key_id, count=count)
                use.used_at.FromNanoseconds(int(at * 1e9))
                uses.append(use)
        return uses

    def _note_use(self, key_id: str, at: float, count: int) -> None:
        before, counted = self._used.get(key_id, (0.0, 0))
        self._used[key_id] = max(at, before), counted + count
        self.used.set()


def _outcome(key_id: str, entry: _Successes) -> Outcome:
    outcome = Outcome(
        provider_id=entry.provider_id,
        key_id=key_id,
        response_time_ms=int(entry.ms),
        http_status=200,
        count=entry.count,
    )
    outcome.ended_at.FromNanoseconds(int(entry.ended_at * 1e9))
    if entry.headers is not None:
        limits = read_rate_limits(
            LazyHeaders(entry.headers), entry.spec.rate_limits, entry.ended_at
        )
        if limits.requests or limits.tokens:
            outcome.rate_limits.CopyFrom(
                KeyRateLimits(
                    key_id=key_id,
                    requests_per_minute=_limit(limits.requests),
                    tokens_per_minute=_limit(limits.tokens),
                )
            )
    return outcome


def _limit(limit: Limit | None) -> RateLimit | None:
    if limit is None:
        return None
    message = RateLimit(limit=limit.limit, remaining=limit.remaining)
    if limit.resets_at is not None:
        message.resets_at.FromNanoseconds(int(limit.resets_at * 1e9))
    return message
