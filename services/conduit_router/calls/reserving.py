"""Reserves for calls of keys whose use is limited, before they ask anybody."""

from conduit_providers.uploaded_form import UploadedForm
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.needed_tokens import needed_tokens
from conduit_router.calls.priced_candidates import keep_priced
from conduit_router.calls.upload_reading import until_measured
from conduit_router.routing.policy import UsagePolicy
from conduit_router.spending.purse import Needs
from conduit_router.spending.worst_cost import MEDIA, UNSAID_CONTEXT, text_cost


async def reserve(scope: CallScope) -> None:
    """Reserve what a call may use of its virtual key's budgets and limits; it may have to wait.

    BudgetExceeded or RateLimited if there is no room for it, ServiceUnavailable if nobody can say,
    CostUnknown if that is what it is. Keys that refuse what has no price ask none without one.
    """
    caller, runtime = scope.caller.caller, scope.runtime
    if (usage := caller.usage) is None:
        return
    if usage.has_budget and isinstance(scope.form, UploadedForm):
        # What nobody can say the size of, nobody can say the cost of.
        await until_measured(scope.form.uploads, scope.left())
    if usage.refuses_unpriced:
        keep_priced(scope)
    began = runtime.clock()
    needs = _text_needs(scope, usage) or _needs(scope, usage)
    reserved = runtime.reserver.at_hand(caller.virtual_key_id, usage, needs, began)
    if reserved is None:
        reserved = await runtime.reserver.take(caller, usage, needs, scope.left())
        scope.waited += runtime.clock() - began
    scope.reserved = reserved
    scope.needed = scope.covered = needs.cost


def _text_needs(scope: CallScope, usage: UsagePolicy) -> Needs | None:
    """Return what most calls need, which are text for one candidate; None for others.

    It comes to what `_needs` does.
    """
    requirements, decision = scope.requirements, scope.decision
    text = scope.operation.worst_text(scope.form, requirements)
    media = requirements.capabilities
    if text is None or (media and not MEDIA.isdisjoint(media)):
        return None
    if len(decision.candidates) != 1 or decision.conditional:
        return None
    candidate = decision.candidates[0].candidate
    if candidate.hedging is not None:
        return None
    card = scope.runtime.recorder.prices.card(candidate.provider_id, candidate.model)
    read, written = text
    if written is None:
        written = (card.context_window or UNSAID_CONTEXT) * (requirements.choices or 1)
    cost = text_cost(read, written, card) if usage.has_budget else 0
    return None if cost is None else Needs(cost, min(read + written, usage.tokens) or 1)


def _needs(scope: CallScope, usage: UsagePolicy) -> Needs:
    """Return what any call needs. CostUnknown if that is unknown, and a budget is hard."""
    tokens = 0
    if usage.tokens:
        prices, said = scope.runtime.recorder.prices, (scope.requirements, scope.decision)
        # What may need more than the limit takes all of it; else it could never be made.
        tokens = min(needed_tokens(prices, scope.worst_case, *said), usage.tokens)
    if usage.has_budget:
        scope.note_need(scope.decision)
    return Needs(scope.needed, tokens or 1)
