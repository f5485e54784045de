"""How the five kinds of resources are stored."""

from dataclasses import fields

import pytest

from conduit_kernel import not_found_errors
from conduit_registry.store import FALLBACK_CHAIN, KEY, KINDS, PROVIDER, VIRTUAL_KEY, Kind
from conduit_registry.values import Provider, Resource, VirtualKey


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_field_of_a_value_is_kept_in_its_row(kind: Kind[Resource]) -> None:
    """One that had no column would be lost without a word."""
    row = kind.row()
    for field in fields(kind.value):
        assert hasattr(row, field.name), field.name


def test_a_value_reads_as_it_was_written() -> None:
    """Names are kept beside their folded form, which people do not see."""
    row = PROVIDER.row()
    value = Provider(id=3, name="Straße", provider_type="OpenAI", allowed_ips=("10.0.0.0/8",))
    PROVIDER.write(row, value)
    assert PROVIDER.read(row) == value
    assert vars(row)["folded_name"] == "strasse"
    virtual_key = VirtualKey(id=1, name="CI", hash=b"h")
    other = VIRTUAL_KEY.row()
    VIRTUAL_KEY.write(other, virtual_key)
    assert (VIRTUAL_KEY.read(other), vars(other)["folded_name"]) == (virtual_key, "ci")


def test_what_is_not_there_is_told_by_its_kind_and_its_id_as_people_know_it() -> None:
    """A key's id has its prefix."""
    error = KEY.not_found(7)
    assert isinstance(error, not_found_errors.KeyNotFound)
    assert (error.message, error.metadata["key_id"]) == ("Key with ID key_7 not found", "key_7")
    assert isinstance(FALLBACK_CHAIN.not_found(7), not_found_errors.FallbackChainNotFound)
    assert FALLBACK_CHAIN.not_found(7).message == "Fallback chain with ID 7 not found"


def test_the_id_of_what_is_not_there_has_the_name_that_the_contract_documents() -> None:
    """`provider_id`, not `id`, as Health and Billing say it."""
    told = {name: set(kind.not_found(7).metadata) for name, kind in KINDS.items()}
    assert told == {name: {f"{name}_id"} for name in KINDS}
    kinds = {"provider", "key", "mapping", "fallback_chain", "virtual_key", "administrator"}
    kinds |= {"mcp_server", "maintenance_window", "virtual_key_group", "administrator_session"}
    assert kinds == told.keys()
