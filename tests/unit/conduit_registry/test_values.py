"""What the Registry keeps, as plain values."""

import dataclasses

import pytest

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit_registry.values import (
    FallbackChain,
    Key,
    ModelMapping,
    Provider,
    Resource,
    VirtualKey,
    defaults_of,
    key_id,
)


def test_a_key_has_its_id_as_the_api_spells_it_and_shows_nothing_sealed() -> None:
    """Neither does a virtual key its hash: values end up in logs and tracebacks."""
    key = Key(
        id=3,
        provider_id=1,
        encryption_key_id="e1",
        wrapped_data_key=b"wrapped-bytes",
        ciphertext=b"cipher-bytes",
    )
    assert (key.api_id, key_id(3)) == ("key_3", "key_3")
    assert key.secret == SealedSecret(
        encryption_key_id="e1", wrapped_data_key=b"wrapped-bytes", ciphertext=b"cipher-bytes"
    )
    shown = repr(key) + repr(VirtualKey(name="ci", hash=b"hash-bytes"))
    for hidden in ("wrapped-bytes", "cipher-bytes", "hash-bytes"):
        assert hidden not in shown


@pytest.mark.parametrize(
    ("kind", "required"),
    [
        (Provider, {"name", "provider_type"}),
        (Key, {"provider_id"}),
        (ModelMapping, {"model_alias", "provider_id", "actual_model_name"}),
        (FallbackChain, {"model_alias"}),
        (VirtualKey, {"name"}),
    ],
)
def test_every_field_but_those_required_has_a_default(
    kind: type[Resource], required: set[str]
) -> None:
    """It is what a value has that was made without it."""
    known = defaults_of(kind)
    assert {field.name for field in dataclasses.fields(kind)} - known.keys() == required
    value = kind(**dict.fromkeys(required, ()))  # type: ignore[arg-type] # only the defaults matter here
    for name, given in known.items():
        assert given == {name: getattr(value, name)}


def test_a_default_that_can_be_changed_is_made_anew() -> None:
    """Whoever fills one fills no other's."""
    first, second = defaults_of(Provider), defaults_of(Provider)
    first["settings"]["settings"]["resource"] = "mine"
    assert second["settings"] == {"settings": {}}


def test_values_cannot_change() -> None:
    """They are shared between tasks."""
    provider = Provider(name="a", provider_type="OpenAI")
    with pytest.raises(dataclasses.FrozenInstanceError):
        provider.name = "b"  # type: ignore[misc] # what is tried
