"""What calls cost, by the prices that Billing last told."""

from collections.abc import Iterable
from typing import NamedTuple

from conduit.v1 import charge_pb2 as pb
from conduit.v1.model_cost_pb2 import Price
from conduit_providers.usage import Usage

MILLION = 1_000_000


class PriceCard(NamedTuple):
    """The prices of a model of an instance: nano-dollars per million, by unit."""

    units: dict[int, int]
    version: str


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


def charge_lines(usage: Usage, card: PriceCard) -> tuple[list[pb.ChargeLine], int | None]:
    """Return the units used, with their prices, and the sum in nano-dollars.

    The sum is None if the price of a unit that was used is unknown; it is rounded once, half up.
    """
    plain = (
        usage.input_tokens
        - usage.cached_input_tokens
        - usage.cache_write_tokens
        - usage.audio_input_tokens
    )
    quantities = [
        (pb.UNIT_INPUT_TOKEN, max(0, plain)),
        (pb.UNIT_OUTPUT_TOKEN, max(0, usage.output_tokens - usage.audio_output_tokens)),
    ]
    # Rare ones only when there are any: most calls have two lines.
    if usage.cached_input_tokens:
        quantities.append((pb.UNIT_CACHED_INPUT_TOKEN, usage.cached_input_tokens))
    if usage.cache_write_tokens:
        quantities.append((pb.UNIT_CACHE_WRITE_TOKEN, usage.cache_write_tokens))
    if usage.audio_input_tokens:
        quantities.append((pb.UNIT_AUDIO_INPUT_TOKEN, usage.audio_input_tokens))
    if usage.audio_output_tokens:
        quantities.append((pb.UNIT_AUDIO_OUTPUT_TOKEN, usage.audio_output_tokens))
    if card.units.get(pb.UNIT_REQUEST):
        quantities.append((pb.UNIT_REQUEST, 1))
    lines, sum_, is_known = [], 0, True
    for unit, quantity in quantities:
        price = card.units.get(unit)
        if price is None:
            lines.append(pb.ChargeLine(unit=unit, quantity=quantity))
            is_known = is_known and not quantity
        else:
            lines.append(pb.ChargeLine(unit=unit, quantity=quantity, nano_usd_per_million=price))
            sum_ += quantity * price
    return lines, (sum_ + MILLION // 2) // MILLION if is_known and card.units else None
