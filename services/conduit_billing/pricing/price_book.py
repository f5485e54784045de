"""The price book: what `genai-prices` does not have, from the TOML files in `book/`.

Each row names the provider's page, the day of what was seen of it, and where, if that was
elsewhere. A model of no row, or used under a condition of no variant, has no known price.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated

import msgspec

from conduit.v1 import charge_pb2 as pb
from conduit_billing.money import PER, nano
from conduit_billing.pricing.rules import UNKNOWN, Priced
from conduit_providers.model_rows import ModelMatch
from conduit_providers.prices import PriceSheet, UnitPrices, Variant
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, REASONING, REQUEST

# A price beyond it is one of something else.
_MOST = 1000
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Amounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Dollars; nothing of what is charged for otherwise."""

    image: Decimal | None = None
    million_characters: Decimal | None = None
    # Of sound that is heard.
    audio_minute: Decimal | None = None
    audio_hour: Decimal | None = None
    # Of a session, whoever speaks.
    session_minute: Decimal | None = None
    # Of a million tokens; what was read from a cache costs what is read where nothing else is said.
    million_input: Decimal | None = None
    million_cached_input: Decimal | None = None
    million_output: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse what is given for nothing. ValueError."""
        amounts = (
            self.image,
            self.million_characters,
            self.audio_minute,
            self.audio_hour,
            self.session_minute,
            self.million_input,
            self.million_cached_input,
            self.million_output,
        )
        if any(amount is not None and not 0 < amount < _MOST for amount in amounts):
            raise ValueError(f"a price is more than 0 dollars, and less than {_MOST}")

    @property
    def unit_prices(self) -> UnitPrices:
        """Return nano-dollars of a million units; being asked, and steps, cost nothing beside."""
        read = self.million_input
        cached = read if self.million_cached_input is None else self.million_cached_input
        found = {
            unit: nano(amount * PER / size)
            for unit, size, amount in (
                (int(pb.UNIT_IMAGE), 1, self.image),
                (int(pb.UNIT_CHARACTER), PER, self.million_characters),
                (int(pb.UNIT_AUDIO_INPUT_MILLISECOND), 60_000, self.audio_minute),
                (int(pb.UNIT_AUDIO_INPUT_MILLISECOND), 3_600_000, self.audio_hour),
                (int(pb.UNIT_SESSION_MILLISECOND), 60_000, self.session_minute),
                (INPUT, PER, read),
                (CACHED_INPUT, PER, cached),
                (OUTPUT, PER, self.million_output),
                (REASONING, PER, self.million_output),
            )
            if amount is not None
        }
        return {**found, REQUEST: 0, int(pb.UNIT_STEP): 0} if found else {}


class _Variant(_Amounts, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Other amounts under a condition; none of them where nobody says what it costs."""

    when: Mapping[str, str]


class PriceRow(_Amounts, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The prices of a family of models."""

    match: ModelMatch
    # The provider's own page.
    source: _Text
    seen_on: date
    # Where the page was quoted; empty if it was read itself.
    seen_in: str = ""
    # The first that is met holds.
    variants: tuple[_Variant, ...] = ()

    @property
    def priced(self) -> Priced:
        """Return the prices, and the day of what was seen."""
        variants = tuple(Variant(each.when, each.unit_prices) for each in self.variants)
        return Priced(PriceSheet(self.unit_prices, (), variants), f"book:{self.seen_on}")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider_type: _Text
    # The first that fits a model holds.
    prices: Annotated[tuple[PriceRow, ...], msgspec.Meta(min_length=1)]


class PriceBook:
    """Finds prices by provider type and model."""

    def __init__(self, folder: Traversable | None = None) -> None:
        """Take another folder than the shipped one, if one is given."""
        self._folder = folder or files("conduit_billing.pricing") / "book"

    @cached_property
    def rows(self) -> Mapping[str, tuple[PriceRow, ...]]:
        """The rows by provider type, read on the first question."""
        return {found.provider_type: found.prices for found in _read(self._folder)}

    def price(self, provider_type: str, model: str) -> Priced:
        """Return a model's prices; UNKNOWN if the book has none."""
        rows = self.rows.get(provider_type, ())
        return next((row.priced for row in rows if row.match.fits(model)), UNKNOWN)


def _read(folder: Traversable) -> Iterator[_File]:
    """Yield the files. ValueError, naming the file, if one is not right."""
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        try:
            raw = tomllib.loads(file.read_text(encoding="utf-8"))
            yield msgspec.convert(raw, _File)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise ValueError(f"{file.name}: {error}") from error
