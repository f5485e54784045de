"""Accounts for a call that is answered from the cache: charged as its alias's policy says."""

import math

import msgspec

from conduit_providers.quantities import CACHE_HIT, Quantities
from conduit_router.accounting.call_counts import AttemptCounts
from conduit_router.accounting.discounts import discounted
from conduit_router.caching.answers import CachedAnswer
from conduit_router.calls.call_scope import CallScope
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.table import Candidate, UpstreamKey
from conduit_router.served_by import CallSummary

HIT, MISS, BYPASS = "hit", "miss", "bypass"
# The qualifier of an answer to something else that is much alike.
SIMILAR = ("cache_match", "similar")


def answering_key(scope: CallScope, found: CachedAnswer) -> tuple[Candidate, UpstreamKey] | None:
    """Return who gave an answer; None unless they might answer the call themselves now.

    Of an account with several keys any one will do.
    """
    for chosen in scope.decision.candidates:
        candidate = chosen.candidate
        if (candidate.provider_id, candidate.model) == (found.provider_id, found.model):
            keys = chosen.keys
            return candidate, next((k for k in keys if k.key_id == found.key_id), keys[0])
    return None


def account_for_hit(
    scope: CallScope,
    found: CachedAnswer,
    by: tuple[Candidate, UpstreamKey],
    share: float,
    similarity: float | None = None,
) -> CallSummary:
    """Charge a call for an answer from the cache; return what was done for it.

    `similarity` is that of what was asked to what the answer was made for; None for the same.
    """
    candidate, key = by
    attempt = Attempt(candidate, key, is_retry=False, served_by=key.serving(candidate))
    attempt.dropped, attempt.upstream_request_id = [*found.dropped], found.upstream_request_id
    runtime, used = scope.runtime, found.consumption
    recorder, provider = runtime.recorder, candidate.instance.provider
    card = discounted(
        recorder.prices.card(candidate.provider_id, candidate.model), used.usage, share
    )
    name = scope.operation.name
    cost = recorder.charge(
        scope.caller,
        scope.requirements,
        attempt,
        Consumption(_marked(used.usage, similarity), used.source, used.is_complete),
        (runtime.clock() - scope.started) * 1000,
        # No provider was asked: the counts of theirs are left as they are.
        counts=AttemptCounts(
            provider.name, provider.provider_type, candidate.model, key.key_id, name
        ),
        # What is free takes nothing of a budget, nor of the tokens of a minute.
        paid_from=scope.reserved if share else None,
        card=card,
    )
    summary = scope.summary(attempt, cost)
    summary.cache, summary.cache_age = HIT, max(0, int(runtime.answers.now() - found.made_at))
    if similarity is not None:
        summary.cache = f"{HIT}; similarity={_down(similarity)}"
    return summary


def _marked(usage: Quantities, similarity: float | None) -> Quantities:
    """Return a use as one that no provider saw."""
    marks = (CACHE_HIT,) if similarity is None else (CACHE_HIT, SIMILAR)
    qualifiers = tuple(sorted((*usage.qualifiers, *marks)))
    return msgspec.structs.replace(usage, qualifiers=qualifiers, provider_cost=None)


def _down(similarity: float) -> float:
    """Return a similarity to three places, never more than it is, and 1 at most."""
    return min(1.0, math.floor(similarity * 1000) / 1000)
