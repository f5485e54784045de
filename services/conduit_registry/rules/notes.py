"""What operators note of things: members that Conduit does nothing with."""

from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroupSpec
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel import limits


def notes(spec: VirtualKeySpec | VirtualKeyGroupSpec) -> dict[str, str]:
    """Return the members of `metadata`, in order of name."""
    limits.check_items(spec, "metadata")
    return {
        limits.text(name, "metadata", least=1, most=64): limits.long_text(
            value, f"metadata.{name}", most=512
        )
        for name, value in sorted(spec.metadata.items())
    }
