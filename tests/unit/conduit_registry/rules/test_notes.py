"""What operators note of things."""

import pytest

from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroupSpec
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.notes import notes


@pytest.mark.parametrize("kind", [VirtualKeySpec, VirtualKeyGroupSpec])
def test_notes_are_kept_in_order_of_name(
    kind: type[VirtualKeySpec] | type[VirtualKeyGroupSpec],
) -> None:
    """Whoever notes them; of several lines as well."""
    given = {"b": "one\ntwo", "a": ""}
    assert [*notes(kind(metadata=given)).items()] == [("a", ""), ("b", "one\ntwo")]
    for wrong in ({"a" * 65: ""}, {"a": "x" * 513}, {"": "x"}, {"a\n": "x\0"}):
        with pytest.raises(InvalidRequest):
            notes(kind(metadata=wrong))
