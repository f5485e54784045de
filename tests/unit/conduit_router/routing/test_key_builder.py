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


def test_accounts_are_told_apart_by_what_names_them() -> None:
    """By the group, over instances alike, else by the instance; and the same at each router."""
    keys = [key(number, 1 + number // 4) for number in range(1, 6)]
    for each, group in zip(keys, ("a", "b", "a", "", "a"), strict=True):
        each.credential.provider_account_group = group
    url = "http://127.0.0.1:1/v1"
    source = snapshot([provider(1, url), provider(2, url)], keys=keys)
    first, again = compiled(source), compiled(source)
    tags = {each.key_id: each.account for n in (1, 2) for each in first.instances[n].keys}
    assert tags["key_1"] == tags["key_3"] == tags["key_5"]
    assert len({tags["key_1"], tags["key_2"], tags["key_4"]}) == 3
    assert tags == {e.key_id: e.account for n in (1, 2) for e in again.instances[n].keys}
    own = first.instances[1].keys[0]
    assert own.endpoint("chat").target.account == own.account
