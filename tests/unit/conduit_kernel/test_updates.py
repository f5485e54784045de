"""What an update says beside its values."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from conduit.v1.virtual_key_pb2 import VirtualKey, VirtualKeySpec
from conduit_kernel.errors import EtagMismatch, InvalidRequest
from conduit_kernel.updates import defaults, etag_of, must_match, select


def test_without_a_mask_the_spec_says_what_changes() -> None:
    """An empty mask is none."""
    spec = VirtualKeySpec(name="n", allowed_models=["a"])
    assert select(spec, FieldMask()) == (spec, [])


def test_a_mask_chooses_and_takes_back() -> None:
    """What it names and the spec has not is taken back; what it does not name is left out."""
    spec = VirtualKeySpec(name="n", is_enabled=True)
    chosen, unset = select(spec, FieldMask(paths=["name", "allowed_models"]))
    assert chosen == VirtualKeySpec(name="n")
    assert unset == ["allowed_models"]
    assert spec.is_enabled


def test_a_name_that_is_nearly_one_gets_a_hint() -> None:
    """JSON's spelling is the likeliest mistake."""
    with pytest.raises(InvalidRequest, match="did you mean 'allowed_models'") as refused:
        select(VirtualKeySpec(), FieldMask(paths=["allowedModels"]))
    assert refused.value.metadata["field"] == "updateMask"


def test_what_has_no_default_cannot_be_taken_back() -> None:
    """The error has the member's name in JSON."""
    known = {"is_enabled": {"is_enabled": True}}
    assert defaults(VirtualKeySpec(), ["is_enabled"], known) == {"is_enabled": True}
    with pytest.raises(InvalidRequest, match=r"^allowedModels cannot be unset or empty$"):
        defaults(VirtualKeySpec(), ["allowed_models"], known)


def test_an_etag_names_a_state() -> None:
    """Equal states have equal ones, different states different ones; none at all matches any."""
    etag = etag_of(VirtualKey(id=1, name="n"))
    assert etag == etag_of(VirtualKey(name="n", id=1))
    assert etag != etag_of(VirtualKey(id=1, name="m"))
    assert etag.isascii()
    assert len(etag) == 12
    must_match("", etag)
    must_match(etag, etag)
    with pytest.raises(EtagMismatch) as refused:
        must_match("other", etag)
    assert refused.value.metadata["etag"] == etag
