"""What translations could not say."""

from conduit_providers.inbound.dropped import Dropped


def test_names_stand_once_and_in_order() -> None:
    """As callers are told of them."""
    dropped = Dropped()
    for name in ("top_k", "tools.web", "top_k"):
        dropped.add(name)
    assert dropped.names == ("top_k", "tools.web")
