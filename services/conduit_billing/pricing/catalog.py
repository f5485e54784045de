"""The shipped catalog of token prices: the data of `genai-prices`.

Loading takes a third of a second, so it happens on the first question and never at start-up.
Prices that rise with the length of the request are taken at their base: the catalog's first tier.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_TOKEN,
    UNIT_AUDIO_OUTPUT_TOKEN,
    UNIT_CACHE_WRITE_1H_TOKEN,
    UNIT_CACHE_WRITE_TOKEN,
    UNIT_CACHED_INPUT_TOKEN,
    UNIT_CHARACTER,
    UNIT_INPUT_TOKEN,
    UNIT_MILLISECOND,
    UNIT_OUTPUT_TOKEN,
    UNIT_REQUEST,
)
from conduit_billing.money import nano
from conduit_billing.pricing.rules import UNKNOWN, Priced, UnitNumber

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

_MAX_KEPT = 20_000
# Where a unit's price is, the most exact name first: a kind of token without a price of its own
# costs what its plain kind costs.
_TOKENS: dict[UnitNumber, tuple[str, ...]] = {
    UNIT_INPUT_TOKEN: ("input_text_mtok", "input_mtok"),
    UNIT_CACHED_INPUT_TOKEN: ("cache_read_mtok", "input_mtok"),
    UNIT_CACHE_WRITE_TOKEN: ("cache_write_mtok", "cache_write_5m_mtok", "input_mtok"),
    UNIT_CACHE_WRITE_1H_TOKEN: ("cache_write_1h_mtok",),
    UNIT_AUDIO_INPUT_TOKEN: ("input_audio_mtok", "input_mtok"),
    UNIT_OUTPUT_TOKEN: ("output_text_mtok", "output_mtok"),
    UNIT_AUDIO_OUTPUT_TOKEN: ("output_audio_mtok", "output_mtok"),
}
# The same for what is not a token, with how many millions of our unit the catalog's unit is.
_OTHERS: dict[UnitNumber, tuple[tuple[str, ...], Decimal]] = {
    UNIT_REQUEST: (("requests_kcount",), Decimal("0.001")),
    UNIT_CHARACTER: (("input_mchars",), Decimal(1)),
    UNIT_MILLISECOND: (("input_audio_hours", "audio_hours"), Decimal("3.6")),
}


class PriceCatalog:
    """Finds the shipped prices of models."""

    def __init__(self, provider_names: Callable[[str], str]) -> None:
        """Take what turns a provider type into the catalog's name of it, or an empty string."""
        self._provider_names = provider_names
        self._version = f"catalog:{version('genai-prices')}"
        # By provider type and model.
        self._found: dict[tuple[str, str], ModelInfo] = {}
        self._missing: set[tuple[str, str]] = set()

    def price(self, provider_type: str, model: str, at: datetime) -> Priced:
        """Return a model's prices at a moment; some providers are cheaper at night."""
        key = (provider_type, model)
        info = self._found.get(key)
        if info is None and key not in self._missing:
            info = self._find(provider_type, model)
            self._keep(key, info)
        return UNKNOWN if info is None else self._read(info.get_prices(at))

    def _keep(self, key: tuple[str, str], info: "ModelInfo | None") -> None:
        # Names come from callers, so what is kept of them has a bound.
        if len(self._found) + len(self._missing) >= _MAX_KEPT:
            self._found.clear()
            self._missing.clear()
        if info is None:
            self._missing.add(key)
        else:
            self._found[key] = info

    def _find(self, provider_type: str, model: str) -> "ModelInfo | None":
        provider = self._provider_names(provider_type)
        if not provider:
            return None
        from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 # see the top

        try:
            return get_snapshot().find_provider_model(model, None, provider, None)[1]
        except LookupError:
            return None

    def _read(self, price: "ModelPrice") -> Priced:
        prices: dict[UnitNumber, int] = {}
        for unit, names in _TOKENS.items():
            if (usd := _first(price, names)) is not None:
                prices[unit] = nano(usd)
        for unit, (names, millions) in _OTHERS.items():
            if (usd := _first(price, names)) is not None:
                prices[unit] = nano(usd / millions)
        if UNIT_INPUT_TOKEN in prices:
            # The catalog has no price of an hour for older Claudes on Vertex AI and Bedrock. Its
            # price of five minutes would be too little: all that it has are twice the plain one.
            prices.setdefault(UNIT_CACHE_WRITE_1H_TOKEN, 2 * prices[UNIT_INPUT_TOKEN])
            # A model that is paid by the token costs nothing for being asked.
            prices.setdefault(UNIT_REQUEST, 0)
        return Priced(prices, self._version) if prices else UNKNOWN


def _first(price: "ModelPrice", names: tuple[str, ...]) -> Decimal | None:
    for name in names:
        value = getattr(price, name, None)
        if value is not None:
            # Tiered prices have a base, plain ones do not.
            return Decimal(getattr(value, "base", value))
    return None
