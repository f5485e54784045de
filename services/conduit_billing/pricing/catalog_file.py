"""A newer catalog than the installed one: the data that `genai-prices` publishes, in a file.

`prices/new_data/v2/data.json` of https://github.com/pydantic/genai-prices is such a file.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

# In the data directory.
FILE_NAME = "prices.json"
# Twenty times what is published.
MAX_BYTES = 100_000_000
_DIGITS = 8
# What a model costs, by the catalog's own words: text by the name of the unit.
_Prices = Mapping[str, str]


class CatalogUnreadable(ValueError):
    """A file that is no catalog; the message says why."""


class Change(NamedTuple):
    """A price that is another one, or one that was not there before; "" for none."""

    model: str
    unit: str
    before: str
    after: str


def read_catalog(path: Path) -> "list[Provider]":
    """Return the providers of a file. CatalogUnreadable if it is no catalog."""
    try:
        # The library reads what it fetches, and offers no public way to read a file.
        from genai_prices.types import _providers_from_raw  # noqa: PLC0415 # see above, and catalog
    except ImportError as error:
        message = f"{path} cannot be read: the installed genai-prices reads no files; "
        message += "use the one that Conduit was last seen with"
        raise CatalogUnreadable(message) from error
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CatalogUnreadable(f"{path} has more than {MAX_BYTES:,} bytes")
        raw = orjson.loads(path.read_bytes())
        providers = _providers_from_raw(raw) if isinstance(raw, list) else []
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, CatalogUnreadable):
            raise
        raise CatalogUnreadable(f"{path} is no data of genai-prices: {error}") from error
    if not providers:
        raise CatalogUnreadable(f"{path} is no data of genai-prices: it has no providers")
    return providers


def installed_catalog() -> "list[Provider]":
    """Return the providers of the installed package."""
    from genai_prices.data import providers  # noqa: PLC0415 # a third of a second, as in `catalog`

    return providers


def catalog_in_use(data_dir: Path) -> "list[Provider]":
    """Return the providers by which a data directory's Billing prices."""
    path = data_dir / FILE_NAME
    return read_catalog(path) if path.is_file() else installed_catalog()


def digest_of(path: Path) -> str:
    """Return what names a file in the versions of its prices."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS]


def changes(before: "Iterable[Provider]", after: "Iterable[Provider]") -> Iterator[Change]:
    """Yield the prices that differ, in order of model and unit."""
    old, new = _models(before), _models(after)
    for model in sorted(old.keys() | new.keys()):
        was, will = old.get(model, {}), new.get(model, {})
        for unit in sorted(was.keys() | will.keys()):
            if was.get(unit) != will.get(unit):
                yield Change(model, unit, was.get(unit, ""), will.get(unit, ""))


def install(path: Path, data_dir: Path) -> None:
    """Put a catalog where Billing finds it when it starts; whole, or not at all."""
    target = data_dir / FILE_NAME
    beside = target.with_suffix(".new")
    beside.write_bytes(path.read_bytes())
    with beside.open("rb") as written:
        os.fsync(written.fileno())
    beside.replace(target)


def _models(providers: "Iterable[Provider]") -> dict[str, _Prices]:
    return {
        f"{provider.id}/{model.id}": dict(_prices(model))
        for provider in providers
        for model in provider.models
    }


def _prices(model: "ModelInfo") -> Iterator[tuple[str, str]]:
    prices = model.prices
    conditional = prices if isinstance(prices, list) else []
    if not isinstance(prices, list):
        yield from _named("", vars(prices))
    for each in conditional:
        when = "" if each.constraint is None else f" {each.constraint}"
        yield from _named(when, vars(each.prices))
    for variant in model.price_variants or ():
        where = ", ".join(f"{name}={value}" for name, value in sorted(variant.when.items()))
        yield from _named(f" ({where})", vars(variant.prices))


def _named(where: str, prices: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for unit, price in prices.items():
        if price is not None and not unit.startswith("_"):
            yield f"{unit}{where}", str(price)
