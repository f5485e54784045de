"""The prices of what is charged a share of what it costs."""

from conduit_providers.prices import PriceSheet
from conduit_providers.quantities import REQUEST, Quantities
from conduit_router.accounting.prices import PriceCard


def discounted(card: PriceCard, usage: Quantities, share: float) -> PriceCard:
    """Return the flat prices by which a use costs a share of what it costs by a card.

    What is charged nothing costs nothing, whether its price is known or not.
    """
    if not share:
        free = dict.fromkeys((unit for unit, _ in usage.leaves), 0)
        return PriceCard(PriceSheet({REQUEST: 0, **free}), card.version)
    units = card.card_for(usage).units if card.has_tiers or usage.qualifiers else card.units
    shares = {unit: round(price * share) for unit, price in units.items()}
    return PriceCard(PriceSheet(shares, counted=card.sheet.counted), card.version)
