"""The most that a call may cost, by the prices of a model. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conduit_providers.operation import WorstCase
from conduit_providers.quantities import (
    AUDIO_INPUT,
    AUDIO_OUTPUT,
    IMAGE_INPUT,
    IMAGE_OUTPUT,
    INPUT,
    OUTPUT,
    REQUEST,
    VIDEO_INPUT,
    VIDEO_OUTPUT,
)
from conduit_router.accounting.prices import (
    MILLION,
    TEXT_READ,
    TEXT_WRITTEN,
    PriceCard,
    dearest,
)

# What a model reads and writes at most, where nobody says how large its context is.
UNSAID_CONTEXT = 131_072
# Of what is sent as a part of a conversation or by its address, bytes say nothing.
MEDIA = frozenset(("vision", "audio", "video", "files"))
# What tokens of media may turn out to be, beside those of text.
READ_MEDIA = (*TEXT_READ, AUDIO_INPUT, IMAGE_INPUT, VIDEO_INPUT)
WRITTEN_MEDIA = (*TEXT_WRITTEN, AUDIO_OUTPUT, IMAGE_OUTPUT, VIDEO_OUTPUT)
_SERVICE_TIER = b"service_tier"


class CostFactors(NamedTuple):
    """The facts of a request that its cost depends on, beside its worst case."""

    # The alias, for errors.
    model: str
    capabilities: frozenset[str]
    choices: int
    # Whether calls write as much as their model can where they do not say how much.
    is_open_ended: bool
    body: bytes


def most_cost(worst: WorstCase, factors: CostFactors, card: PriceCard) -> int | None:
    """Return the most that a request costs, in nano-dollars, rounded up; None if that is unknown.

    Tokens count as the dearest that they may be: written to the cache, thought, or of sound. What
    a provider searches on its own is not foreseen.
    """
    if not worst.is_bounded and not factors.is_open_ended:
        return None
    if worst.is_bounded and not worst.usage.leaves and worst.by_token is None:
        # It uses nothing, whatever that costs.
        return 0
    window, has_media = card.context_window, not MEDIA.isdisjoint(factors.capabilities)
    leaves = dict(worst.usage.leaves)
    if has_media:
        leaves[INPUT] = max(leaves.get(INPUT, 0), window or UNSAID_CONTEXT)
    if not worst.is_bounded:
        leaves[OUTPUT] = (window or UNSAID_CONTEXT) * max(1, factors.choices)
    most = _most_of(leaves, worst, factors, card, has_media=has_media)
    if worst.by_token is None:
        return most
    # Which of the two is billed, its price says; where both have one, either may be.
    tokens = _most_of(dict(worst.by_token.leaves), worst, factors, card, has_media=True)
    return max((each for each in (most, tokens) if each is not None), default=None)


def _most_of(
    leaves: dict[int, int],
    worst: WorstCase,
    factors: CostFactors,
    card: PriceCard,
    *,
    has_media: bool,
) -> int | None:
    """Return the most that so much costs, whichever prices hold; None if one of them is unknown."""
    if card.context_window and INPUT in leaves:
        leaves[INPUT] = min(leaves[INPUT], card.context_window)
    read, written = (READ_MEDIA, WRITTEN_MEDIA) if has_media else (TEXT_READ, TEXT_WRITTEN)
    costs = [
        _cost(leaves, prices, read, written)
        for prices in _prices(card, leaves.get(INPUT, 0), worst, factors)
    ]
    known = [cost for cost in costs if cost is not None]
    if not any(known) and not card.sheet.tells_of(leaves.items()):
        return None
    return max(known) if known and len(known) == len(costs) else None


def text_cost(read: int, written: int, card: PriceCard) -> int | None:
    """Return the most that tokens of text cost at a flat price; None if another one may hold.

    It comes to what `most_cost` does, which is asked for what is free, or unknown.
    """
    if not card.is_flat or card.dearest_read is None or card.dearest_written is None:
        return None
    if card.context_window and read > card.context_window:
        read = card.context_window
    total = read * card.dearest_read + written * card.dearest_written
    if card.has_request_price:
        total += card.units[REQUEST]
    return -(-total // MILLION) or None


def _prices(
    card: PriceCard, read: int, worst: WorstCase, factors: CostFactors
) -> Iterable[Mapping[int, int]]:
    """Yield the prices that may hold: which tier of service is asked for is not read."""
    sheet = card.sheet
    if not sheet.tiers and not sheet.variants:
        yield card.units
        return
    yield sheet.at(read, worst.usage.qualifiers)
    if sheet.variants and _SERVICE_TIER in factors.body:
        for variant in sheet.variants:
            yield sheet.at(read, tuple(sorted(variant.qualifiers.items())))


def _cost(
    leaves: Mapping[int, int],
    prices: Mapping[int, int],
    read: Iterable[int],
    written: Iterable[int],
) -> int | None:
    total, is_known, is_plain = 0, False, True
    for unit, count in leaves.items():
        if unit == INPUT:
            price = dearest(prices, read)
        elif unit == OUTPUT:
            price = dearest(prices, written)
        else:
            # Other units stand beside tokens where either is billed.
            price, is_plain = prices.get(unit), False
        if not count:
            # What is not used makes nothing known of what is.
            continue
        if price is not None:
            is_known, total = True, total + count * price
        elif is_plain:
            return None
    # Being asked, where that is free, says nothing of the rest.
    asked = prices.get(REQUEST, 0)
    return -(-(total + asked) // MILLION) if is_known or asked else None
