"""The names that catalog files may use: all that are used, and none that nobody knows."""

from genai_prices.data import providers

from conduit_providers.catalog import load_catalog
from conduit_providers.catalog.codec_types import operation_names
from conduit_providers.catalog.vocabulary import CAPABILITIES, price_providers

SPECS = load_catalog().specs


def test_every_operation_has_its_capabilities() -> None:
    """And no name is there that no provider type claims."""
    assert CAPABILITIES.keys() == operation_names()
    claimed: dict[str, set[str]] = {name: set() for name in CAPABILITIES}
    for spec in SPECS:
        for operation, endpoint in spec.endpoints.items():
            claimed[operation] |= endpoint.capabilities
    assert {name: frozenset(each) for name, each in claimed.items()} == CAPABILITIES


def test_price_providers_of_the_shipped_files_are_known_without_the_prices() -> None:
    """They are among those that the prices have."""
    shipped = price_providers("openai")
    assert shipped == {spec.price_provider for spec in SPECS if spec.price_provider}
    assert shipped < {provider.id for provider in providers}


def test_other_price_providers_are_looked_up() -> None:
    """For the file of an operator's own."""
    known = price_providers("avian")
    assert known == {provider.id for provider in providers}
    assert "no such provider" not in price_providers("no such provider")
