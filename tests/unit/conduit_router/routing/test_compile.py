"""What the table has for a configuration."""

from tests.support.snapshots import compiled, provider, snapshot


def test_operations_at_one_address_share_a_target() -> None:
    """What is prepared for one is at hand for all, and a token is fetched once."""
    [own] = compiled(snapshot([provider(1)])).instances[1].keys
    assert own.endpoint("chat") is own.endpoint("embed")
