"""Leaves out the candidates whose price nobody knows, for keys that refuse these."""

from typing import Protocol

from msgspec.structs import replace

from conduit_kernel.errors import CostUnknown
from conduit_providers.operation import Requirements, WorstCase
from conduit_router.accounting.prices import PriceCard, PriceList
from conduit_router.calls.runtime import CallRuntime
from conduit_router.routing.attempt_plan import AttemptPlan
from conduit_router.routing.decide import CandidateKeys, Decision


class PricedCall(Protocol):
    """A call before its first attempt."""

    runtime: CallRuntime
    requirements: Requirements
    decision: Decision
    plan: AttemptPlan

    @property
    def worst_case(self) -> WorstCase:
        """Return the most that an attempt uses."""
        ...


def keep_priced(call: PricedCall) -> None:
    """Leave out the candidates whose price is unknown. CostUnknown if no other is left."""
    decision = only_priced(call.runtime.recorder.prices, call.worst_case, call.decision)
    if not decision.candidates and call.decision.candidates:
        raise no_price(call.requirements.model)
    call.decision = decision
    call.plan.restart(decision)


def only_priced(prices: PriceList, worst: WorstCase, decision: Decision) -> Decision:
    """Return a decision without the candidates that have no price of what a call uses.

    ServiceUnavailable before any price is known.
    """
    prices.must_be_known()

    def is_kept(chosen: CandidateKeys) -> bool:
        candidate = chosen.candidate
        return is_priced(prices.card(candidate.provider_id, candidate.model), worst)

    return replace(
        decision,
        candidates=tuple(filter(is_kept, decision.candidates)),
        conditional=tuple(filter(is_kept, decision.conditional)),
    )


def is_priced(card: PriceCard, worst: WorstCase) -> bool:
    """Tell whether any of what a call may use has a price.

    Sound may be billed by tokens or by time, so a call's worst case has units of both. What a
    provider then counts that has no price is stored as unpriced all the same.
    """
    leaves = worst.usage.leaves + (() if worst.by_token is None else worst.by_token.leaves)
    if not card.units or not card.sheet.tells_of(leaves):
        return False
    return card.has_request_price or not leaves or any(unit in card.units for unit, _ in leaves)


def no_price(model: str) -> CostUnknown:
    """Return the error of a call that no candidate with a price can serve."""
    message = f"What the model {model!r} costs is unknown, and the virtual key refuses such calls"
    return CostUnknown(message, model=model)
