"""The most tokens that a call may use, whichever of its candidates answers it."""

from conduit_providers.operation import Requirements, WorstCase
from conduit_router.accounting.prices import PriceList
from conduit_router.routing.decide import Decision
from conduit_router.spending.worst_cost import MEDIA, UNSAID_CONTEXT


def needed_tokens(
    prices: PriceList, worst: WorstCase, requirements: Requirements, decision: Decision
) -> int:
    """Return the most tokens that a call reads and writes, as far as anything bounds them."""
    read, written = worst.usage.input_tokens, worst.usage.output_tokens
    has_media = not MEDIA.isdisjoint(requirements.capabilities)
    if worst.is_bounded and not has_media:
        return read + written
    window = _window(prices, decision)
    if has_media:
        read = max(read, window)
    if not worst.is_bounded:
        written = window * max(1, requirements.choices)
    return read + written


def _window(prices: PriceList, decision: Decision) -> int:
    """Return the largest context of the candidates."""
    chosen = decision.candidates + decision.conditional
    places = [(each.candidate.provider_id, each.candidate.model) for each in chosen]
    windows = [prices.card(*place).context_window or UNSAID_CONTEXT for place in places]
    return max(windows, default=UNSAID_CONTEXT)
