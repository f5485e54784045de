"""Keys of the same account at a provider, by what the configuration says of them."""

from tests.support.snapshots import compiled, first, key, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotKey
from conduit_router.routing.accounts import Accounts
from conduit_router.routing.table import TableChange


def own(number: int, provider_id: int, group: str = "", **fields: str) -> SnapshotKey:
    """Return a key with an account group, and what it has of its own."""
    made = key(number, provider_id)
    made.credential.provider_account_group = group
    for name, value in fields.items():
        setattr(made.credential, name, value)
    return made


def accounts(source: Snapshot) -> Accounts:
    """Return the accounts of a configuration."""
    made = Accounts()
    made.apply(first(compiled(source)))
    return made


def test_a_group_is_one_account_over_all_instances_of_a_type_and_address() -> None:
    """Where two instances are of one account, its files are known to both."""
    keys = [own(1, 1, "a"), own(2, 1, "b"), own(3, 2, "a"), own(4, 3, "a"), own(5, 4, "a")]
    providers = [
        provider(1),
        provider(2),
        provider(3, base_url="http://127.0.0.1:2/v1"),
        provider(4, provider_type="OpenAICompatible"),
    ]
    found = accounts(snapshot(providers, keys))
    assert found.keys_beside("key_1") == found.keys_beside("key_3") == {"key_1", "key_3"}
    for number in (2, 4, 5):
        assert found.keys_beside(f"key_{number}") == {f"key_{number}"}


def test_keys_without_a_group_are_of_their_instances_account() -> None:
    """An instance is one account where nothing else is said."""
    keys = [own(1, 1), own(2, 1), own(3, 2)]
    found = accounts(snapshot([provider(1), provider(2)], keys))
    assert found.keys_beside("key_1") == {"key_1", "key_2"}
    assert found.keys_beside("key_3") == {"key_3"}


def test_an_organization_a_project_or_an_address_of_its_own_parts_a_key() -> None:
    """What belongs to one project of a group, another one does not see."""
    keys = [
        own(1, 1, "a"),
        own(2, 1, "a", organization="org-2"),
        own(3, 1, "a", project="proj-3"),
        own(4, 1, "a", base_url="http://127.0.0.1:4/v1"),
        own(5, 1, "a", project="proj-3"),
    ]
    found = accounts(snapshot([provider(1)], keys))
    for number in (1, 2, 4):
        assert found.keys_beside(f"key_{number}") == {f"key_{number}"}
    assert found.keys_beside("key_3") == {"key_3", "key_5"}


def test_a_key_that_is_gone_has_no_account() -> None:
    """Nor one that was never there; a new table counts at once."""
    before = compiled(snapshot([provider(1)], [own(1, 1), own(2, 1)]))
    after = compiled(snapshot([provider(1)], [own(2, 1)]))
    found = Accounts()
    assert not found.keys_beside("key_1")
    found.apply(first(before))
    assert found.keys_beside("key_1") == {"key_1", "key_2"}
    found.apply(TableChange(before, after, frozenset({1}), frozenset()))
    assert not found.keys_beside("key_1")
    assert found.keys_beside("key_2") == {"key_2"}
    assert not found.keys_beside("")
