"""What calls cost, by the prices that Billing last told."""

from collections.abc import Iterable, Mapping

from conduit.v1 import charge_pb2 as pb
from conduit.v1.model_cost_pb2 import Price
from conduit_providers.usage import Usage
from conduit_router.accounting.protowire import data_tag, number_tag, varint

MILLION = 1_000_000
# No call uses so much of anything, and none costs more than the ledger can hold.
MOST = 10**12
MOST_NANO_USD = 2**63 - 1
# As plain numbers: they are used for every call.
_INPUT = int(pb.UNIT_INPUT_TOKEN)
_OUTPUT = int(pb.UNIT_OUTPUT_TOKEN)
_CACHED = int(pb.UNIT_CACHED_INPUT_TOKEN)
_CACHE_WRITE = int(pb.UNIT_CACHE_WRITE_TOKEN)
_CACHE_WRITE_1H = int(pb.UNIT_CACHE_WRITE_1H_TOKEN)
_AUDIO_INPUT = int(pb.UNIT_AUDIO_INPUT_TOKEN)
_AUDIO_OUTPUT = int(pb.UNIT_AUDIO_OUTPUT_TOKEN)
_REQUEST = int(pb.UNIT_REQUEST)
_LONGEST = len(varint(MOST))
_LINES = data_tag(pb.Charge, "lines")
_UNIT = number_tag(pb.ChargeLine, "unit")
_QUANTITY = number_tag(pb.ChargeLine, "quantity")
_PRICE = number_tag(pb.ChargeLine, "nano_usd_per_million")


class PriceCard:
    """The prices of a model of an instance: nano-dollars per million, by unit."""

    __slots__ = ("_frames", "has_request_price", "units", "version")

    def __init__(self, units: Mapping[int, int], version: str) -> None:
        self.units = units
        self.version = version
        self.has_request_price = bool(units.get(_REQUEST))
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


UNKNOWN = PriceCard({}, "")


class PriceList:
    """The prices of all mapped models."""

    def __init__(self) -> None:
        self._cards: dict[tuple[int, str], PriceCard] = {}

    def load(self, prices: Iterable[Price]) -> None:
        """Replace all prices."""
        self._cards = {
            (p.provider_id, p.actual_model_name): PriceCard(
                {u.unit: u.nano_usd_per_million for u in p.unit_prices}, p.version
            )
            for p in prices
            if p.unit_prices
        }

    def card(self, provider_id: int, model: str) -> PriceCard:
        """Return the prices of a model, UNKNOWN if Billing told none."""
        return self._cards.get((provider_id, model), UNKNOWN)


def charge_lines(usage: Usage, card: PriceCard) -> tuple[bytes, int | None]:
    """Return the lines of a charge, as protobuf has them, and their sum in nano-dollars.

    The sum is None if the price of a unit that was used is unknown; it is rounded once, half up.
    """
    prices = card.units
    lines, sum_, is_known = b"", 0, bool(prices)
    for unit, told in _quantities(usage, card):
        # What a provider says is believed only where it can be true.
        quantity = told if 0 <= told <= MOST else min(max(0, told), MOST)
        lines += card.line(unit, quantity)
        price = prices.get(unit)
        if price is not None:
            sum_ += quantity * price
        elif quantity:
            is_known = False
    cost = (sum_ + MILLION // 2) // MILLION
    return lines, cost if is_known and cost <= MOST_NANO_USD else None


def _quantities(usage: Usage, card: PriceCard) -> list[tuple[int, int]]:
    read, written = usage.input_tokens, usage.output_tokens
    cached, cache_written = usage.cached_input_tokens, usage.cache_write_tokens
    heard, spoken = usage.audio_input_tokens, usage.audio_output_tokens
    if not (cached or cache_written or heard or spoken):
        # Most calls.
        quantities = [(_INPUT, read), (_OUTPUT, written)]
    else:
        quantities = [
            (_INPUT, read - cached - cache_written - heard),
            (_OUTPUT, written - spoken),
            (_CACHED, cached),
            (_CACHE_WRITE, cache_written - usage.cache_write_1h_tokens),
            (_CACHE_WRITE_1H, usage.cache_write_1h_tokens),
            (_AUDIO_INPUT, heard),
            (_AUDIO_OUTPUT, spoken),
        ]
        quantities = quantities[:2] + [rare for rare in quantities[2:] if rare[1]]
    if card.has_request_price:
        quantities.append((_REQUEST, 1))
    return quantities
