"""Keys of an instance become what carries calls."""

from tests.support.snapshots import compiled, key, provider, snapshot


def test_operations_at_one_address_share_a_target() -> None:
    """What is prepared for one is at hand for all, and a token is fetched once."""
    [own] = compiled(snapshot([provider(1)])).instances[1].keys
    assert own.endpoint("chat") is own.endpoint("embed")


def test_keys_at_one_address_share_what_is_known_of_it() -> None:
    """Only those with an address or an identity of their own have more than a signer."""
    keys = [key(1, 1), key(2, 1), key(3, 1), key(4, 1)]
    keys[2].credential.base_url = "http://127.0.0.1:2/v1"
    keys[3].credential.organization = "org-4"
    found = compiled(snapshot([provider(1)], keys=keys)).instances[1].keys
    first, second, other, named = (each.endpoint("chat") for each in found)
    assert first.target is second.target
    assert first.signer is not second.signer
    assert (other.target.base_url, other.origin.port) == ("http://127.0.0.1:2/v1", 2)
    assert (named.target.base_url, named.target.organization) == (first.target.base_url, "org-4")
