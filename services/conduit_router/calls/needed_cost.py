"""The most that a call may cost, whichever of its candidates answers it."""

from typing import Any

from conduit_kernel.errors import BudgetExceeded, CostUnknown
from conduit_providers.calls import Form
from conduit_providers.operation import Requirements, WorstCase
from conduit_router.accounting.prices import PriceCard, PriceList
from conduit_router.routing.decide import Decision
from conduit_router.spending.session_cost import session_cost
from conduit_router.spending.worst_cost import CostFactors, most_cost

# Whose calls write as much as their model can where they do not say how much.
_OPEN_ENDED = frozenset(("chat", "image", "image_edit"))
_SESSION = "converse"
# A session holds so much more than it has used, of what is billed by its time, and ends with less
# than the second beside it.
PIECE_SECONDS, LEAST_SECONDS = 30, 5


def needed_for(
    prices: PriceList,
    worst: WorstCase,
    form: Form[Any],
    requirements: Requirements,
    decision: Decision,
) -> int:
    """Return the most that a call costs at the dearest of its candidates, in nano-dollars.

    CostUnknown if that is unknown at any of them, ServiceUnavailable before any price is known.
    """
    prices.must_be_known()
    factors = CostFactors(
        requirements.model,
        requirements.capabilities,
        requirements.choices,
        requirements.operation in _OPEN_ENDED,
        form.json_at_hand or b"",
    )
    most, copies = 0, 1
    for chosen in decision.candidates + decision.conditional:
        candidate = chosen.candidate
        card = prices.card(candidate.provider_id, candidate.model)
        most = max(most, _cost(worst, factors, card, requirements.operation))
        if candidate.hedging is not None:
            # Two are asked at a time, and both may be charged.
            copies = 2
    if not decision.candidates:
        for each in decision.resting:
            most = max(
                most, _cost(worst, factors, prices.card(*each.place), requirements.operation)
            )
    return most * copies


def not_covered(virtual_key_id: int) -> BudgetExceeded:
    """Return the error of a call that goes on after it was charged, beyond what it reserved."""
    message = "The virtual key's budget has no room for another attempt of this call"
    # Only Billing knows the rest of what is documented.
    known = {"subject": f"virtual_key:{virtual_key_id}"}
    return BudgetExceeded(message, **known)


def _cost(worst: WorstCase, factors: CostFactors, card: PriceCard, operation: str) -> int:
    if operation == _SESSION:
        # It holds one piece after the other.
        cost = session_cost(card, PIECE_SECONDS)
    else:
        cost = most_cost(worst, factors, card)
    if cost is None:
        model = factors.model
        message = f"What the model {model!r} may cost is unknown, and the key's budget is hard"
        raise CostUnknown(message, model=model)
    return cost
