"""What providers say that a call cost, in the forms in which their answers say it.

- OpenRouter: `usage.cost`, in credits, each of a dollar; with a key of one's own at the provider
  behind it (`is_byok`) that is OpenRouter's fee, and the provider's part stands in
  `cost_details.upstream_inference_cost`. https://openrouter.ai/docs/use-cases/usage-accounting
- Perplexity: `usage.cost.total_cost`, in dollars. Its SDK, `perplexity.types.responses_usage`.
- xAI: `usage.cost_in_usd_ticks`, of which a dollar has ten thousand millions. Its SDK,
  `xai_sdk.cost`.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

NANO = 1_000_000_000
TICKS_OF_A_NANO_DOLLAR = 10
# A million dollars: what claims to be dearer is something else.
_MOST_USD = 1_000_000


def cost_of_dollars(value: object) -> int | None:
    """Return a cost in dollars, or its total, in nano-dollars; None if it is none."""
    if isinstance(value, Mapping):
        value = value.get("total_cost")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # What is no number compares as false.
    if not 0 <= value <= _MOST_USD:
        return None
    return int((Decimal(repr(value)) * NANO).to_integral_value(ROUND_HALF_UP))


def cost_of_ticks(value: object) -> int | None:
    """Return a cost in xAI's ticks in nano-dollars; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    nano = (value + TICKS_OF_A_NANO_DOLLAR // 2) // TICKS_OF_A_NANO_DOLLAR
    return nano if 0 <= nano <= _MOST_USD * NANO else None


def cost_of_credits(value: object, details: object) -> int | None:
    """Return OpenRouter's fee for a call by a key of one's own, with the provider's part."""
    fee, upstream = cost_of_dollars(value), None
    if isinstance(details, Mapping):
        upstream = cost_of_dollars(details.get("upstream_inference_cost"))
    return fee if fee is None or upstream is None else fee + upstream
