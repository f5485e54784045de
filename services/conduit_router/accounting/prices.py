"""What calls cost, by the prices that Billing last reported."""

from collections.abc import Iterable, Iterator

from conduit.internal.v1.price_pb2 import Price
from conduit.v1 import charge_pb2 as pb
from conduit_kernel.errors import ServiceUnavailable
from conduit_providers.prices import PriceSheet, UnitPrices, input_tokens_of, sheet_of
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHE_WRITE_1H,
    INPUT,
    MOST,
    OUTPUT,
    REASONING,
    REQUEST,
    Qualifiers,
    Quantities,
)
from conduit_router.accounting.protowire import data_tag, number_tag, varint

MILLION = 1_000_000
# More than the ledger can hold.
MOST_NANO_USD = 2**63 - 1
# More conditions of one model than this start over; callers have a hand in them.
MAX_CONDITIONS = 100
# What tokens of text may turn out to be when they are counted.
TEXT_READ = (INPUT, CACHE_WRITE, CACHE_WRITE_1H)
TEXT_WRITTEN = (OUTPUT, REASONING)
_LONGEST = len(varint(MOST))
_LINES = data_tag(pb.Charge, "lines")
_UNIT = number_tag(pb.ChargeLine, "unit")
_QUANTITY = number_tag(pb.ChargeLine, "quantity")
_PRICE = number_tag(pb.ChargeLine, "nano_usd_per_million")


def dearest(prices: UnitPrices, units: Iterable[int]) -> int | None:
    """Return the dearest price of some units, None if none has one."""
    return max((prices[unit] for unit in units if unit in prices), default=None)


class UnitCard:
    """Flat prices: nano-dollars per million, by unit."""

    __slots__ = ("_frames", "has_request_price", "units")

    def __init__(self, units: UnitPrices) -> None:
        self.units = units
        self.has_request_price = bool(units.get(REQUEST))
        # What stands before a quantity of so many bytes in a line of a charge, by that number, and
        # what stands behind it; by unit.
        self._frames: dict[int, tuple[tuple[bytes, ...], bytes]] = {}

    def line(self, unit: int, quantity: int) -> bytes:
        """Return a line of a charge as protobuf has it."""
        frame = self._frames.get(unit)
        if frame is None:
            frame = self._frames[unit] = self._frame(unit)
        heads, tail = frame
        count = varint(quantity)
        return heads[len(count)] + count + tail

    def _frame(self, unit: int) -> tuple[tuple[bytes, ...], bytes]:
        price = self.units.get(unit)
        tail = b"" if price is None else _PRICE + varint(price)
        head = _UNIT + varint(unit) + _QUANTITY
        lengths = (len(head) + size + len(tail) for size in range(_LONGEST + 1))
        return tuple(_LINES + varint(length) + head for length in lengths), tail


class PriceCard(UnitCard):
    """The prices of a model of an instance; by themselves those of a short, usual call."""

    __slots__ = (
        "_conditions",
        "_thresholds",
        "context_window",
        "dearest_read",
        "dearest_written",
        "has_tiers",
        "is_flat",
        "sheet",
        "version",
    )

    def __init__(self, sheet: PriceSheet, version: str, context_window: int = 0) -> None:
        super().__init__(sheet.unit_prices)
        self.sheet = sheet
        self.version = version
        # Of a token of text, whatever it turns out to be when it is counted.
        self.dearest_read = dearest(sheet.unit_prices, TEXT_READ)
        self.dearest_written = dearest(sheet.unit_prices, TEXT_WRITTEN)
        # Whether every call has these prices.
        self.is_flat = not sheet.tiers and not sheet.variants and not sheet.counted
        # The most tokens that the model reads and writes together; 0 if unknown.
        self.context_window = context_window
        tiers = (*sheet.tiers, *(tier for variant in sheet.variants for tier in variant.tiers))
        self._thresholds = sorted({tier.above_input_tokens for tier in tiers})
        self.has_tiers = bool(sheet.tiers)
        # By the number of thresholds that are exceeded, and the qualifiers.
        self._conditions: dict[tuple[int, Qualifiers], UnitCard] = {}

    def card_for(self, quantities: Quantities) -> UnitCard:
        """Return the prices of a call under its conditions."""
        read = input_tokens_of(quantities.leaves) if self._thresholds else 0
        key = (sum(read > each for each in self._thresholds), quantities.qualifiers)
        card = self._conditions.get(key)
        if card is None:
            if len(self._conditions) >= MAX_CONDITIONS:
                self._conditions.clear()
            prices = self.sheet.at(read, quantities.qualifiers)
            card = self._conditions[key] = UnitCard(prices)
        return card


UNKNOWN = PriceCard(PriceSheet(), "")


class PriceList:
    """The prices of all mapped models."""

    def __init__(self) -> None:
        # Whether Billing has reported any yet.
        self.is_known = False
        self._cards: dict[tuple[int, str], PriceCard] = {}
        # By what is priced alike, whatever its instance and name.
        self._shared: dict[bytes, PriceCard] = {}

    def load(self, prices: Iterable[Price]) -> None:
        """Replace all prices."""
        for _ in self.loading(prices):
            pass

    def loading(self, prices: Iterable[Price]) -> Iterator[None]:
        """Replace all prices at the end of small pieces of work."""
        cards: dict[tuple[int, str], PriceCard] = {}
        shared: dict[bytes, PriceCard] = {}
        terms = Price()
        for price in prices:
            if price.unit_prices or price.context_window:
                terms.CopyFrom(price)
                terms.ClearField("provider_id")
                terms.ClearField("actual_model_name")
                alike = terms.SerializeToString(deterministic=True)
                card = shared.get(alike) or self._shared.get(alike)
                if card is None:
                    card = PriceCard(sheet_of(price), price.version, price.context_window)
                shared[alike] = cards[price.provider_id, price.actual_model_name] = card
            yield
        self._cards, self._shared, self.is_known = cards, shared, True

    def must_be_known(self) -> None:
        """Raise ServiceUnavailable before Billing has reported any: not each price is unknown."""
        if not self.is_known:
            message = "This router has just started and does not know the prices yet"
            raise ServiceUnavailable(message, service="billing", retry_after_ms="1000")

    def card(self, provider_id: int, model: str) -> PriceCard:
        """Return the prices of a model, UNKNOWN if Billing reported none."""
        return self._cards.get((provider_id, model), UNKNOWN)


def charge_lines(quantities: Quantities, prices: PriceCard) -> tuple[bytes, int | None]:
    """Return the lines of a charge, as protobuf has them, and their sum in nano-dollars.

    The sum is None if the price of a unit that was used is unknown; it is rounded once, half up.
    """
    # Most calls are usual ones.
    is_conditional = prices.has_tiers or quantities.qualifiers
    card = prices.card_for(quantities) if is_conditional else prices
    units = card.units
    lines, total, is_known = b"", 0, bool(units)
    for unit, quantity in quantities.leaves:
        lines += card.line(unit, quantity)
        price = units.get(unit)
        if price is None:
            is_known = False
        else:
            total += quantity * price
    if card.has_request_price:
        lines += card.line(REQUEST, 1)
        total += units[REQUEST]
    if is_known and not total and not prices.sheet.tells_of(quantities.leaves):
        is_known = False
    cost = (total + MILLION // 2) // MILLION
    return lines, cost if is_known and cost <= MOST_NANO_USD else None
