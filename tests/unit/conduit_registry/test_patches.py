"""What changes of the Registry's values may say, held to the values."""

from typing import get_type_hints

import pytest

from conduit_registry.patches import (
    ChainPatch,
    KeyFields,
    KeyPatch,
    MappingPatch,
    ProviderPatch,
    VirtualKeyPatch,
    with_defaults,
    with_taken_back,
    without_value,
)
from conduit_registry.values import FallbackChain, Key, ModelMapping, Provider, VirtualKey

PATCHES = (
    (ProviderPatch, Provider),
    (KeyFields, Key),
    (MappingPatch, ModelMapping),
    (ChainPatch, FallbackChain),
    (VirtualKeyPatch, VirtualKey),
)
# What the Registry says of a thing, and no operator.
OWN = {"id", "created_at", "updated_at", "last_used", "rotated_at", "key_prefix"}
SEALED = {
    *("masked_api_key", "encryption_key_id", "wrapped_data_key", "ciphertext", "destination"),
    *("retires_at", "former_hash", "former_key_until"),
}


@pytest.mark.parametrize(("patch", "value"), PATCHES)
def test_a_patch_has_the_fields_of_its_value_in_their_types(patch: type, value: type) -> None:
    """So that a checker of types sees what an editor is given; the owner of a key cannot change."""
    fields = {n: kind for n, kind in get_type_hints(value).items() if n not in OWN | SEALED}
    if value is Key:
        del fields["provider_id"]
    assert get_type_hints(patch) == fields
    assert not patch.__required_keys__  # type: ignore[attr-defined] # as every TypedDict has


def test_a_keys_value_is_taken_apart() -> None:
    """The rest are fields of the key; the patch itself stays as it is."""
    given: KeyPatch = {"api_key": "sk-1", "name": "Main"}
    assert without_value(given) == {"name": "Main"}
    assert given["api_key"] == "sk-1"


def test_what_is_taken_back_goes_before_and_defaults_go_behind() -> None:
    """Of the same field in both."""
    given: KeyPatch = {"name": "Main"}
    assert with_taken_back(given, {"name": "", "project": ""}) == {"name": "", "project": ""}
    assert with_defaults(given, {"name": "", "project": ""}) == {"name": "Main", "project": ""}
