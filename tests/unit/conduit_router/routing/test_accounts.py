"""Keys of the same account at a provider, by what the configuration says of them."""

from tests.support.snapshots import compiled, first, key, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotKey
from conduit.v1.provider_pb2 import Provider
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


def vertex(number: int, project: str, location: str = "us-central1") -> Provider:
    """Return an instance in a project."""
    made = provider(number, "", provider_type="VertexAI")
    made.settings["project"] = project
    if location:
        made.settings["location"] = location
    return made


def cache(project: str, location: str = "us-central1") -> str:
    """Return the full name of cached content."""
    return f"projects/{project}/locations/{location}/cachedContents/4711"


def keys_of(found: Accounts, resource: str) -> set[str]:
    """Return the keys of a resource whose name has a project."""
    keys = found.keys_of(resource)
    assert keys is not None
    return set(keys)


def test_a_resource_belongs_to_the_project_and_location_in_its_name() -> None:
    """Whichever keys those have; a location may be the usual one."""
    providers = [
        vertex(1, "ours"),
        vertex(2, "ours", ""),
        vertex(3, "theirs"),
        provider(4),
    ]
    found = accounts(snapshot(providers, [own(i, i) for i in (1, 2, 3, 4)] + [own(5, 1)]))
    assert keys_of(found, cache("ours")) == {"key_1", "key_5"}
    assert keys_of(found, cache("ours", "global")) == {"key_2"}
    assert keys_of(found, cache("theirs")) == {"key_3"}
    assert keys_of(found, cache("nobodys")) == set()
    assert keys_of(found, cache("ours", "europe-west1")) == set()


def test_a_projects_number_leaves_all_ids_of_its_location() -> None:
    """Which id has it is not known, unless the configuration has the number itself."""
    providers = [vertex(1, "ours"), vertex(2, "theirs"), vertex(3, "5"), vertex(4, "us", "global")]
    found = accounts(snapshot(providers, [own(i, i) for i in (1, 2, 3, 4)]))
    assert keys_of(found, cache("123456")) == {"key_1", "key_2"}
    assert keys_of(found, cache("5")) == {"key_3"}


def test_a_name_without_a_project_binds_to_none() -> None:
    """Such as the short one; and a new table counts at once."""
    found = accounts(snapshot([vertex(1, "ours")], [own(1, 1)]))
    for name in ("cachedContents/4711", "files/projects/ours/locations/x/", "projects/ours", ""):
        assert found.keys_of(name) is None
    assert keys_of(found, cache("ours")) == {"key_1"}
    found.apply(first(compiled(snapshot([vertex(1, "new")], [own(1, 1)]))))
    assert keys_of(found, cache("ours")) == set()
    assert keys_of(found, cache("new")) == {"key_1"}
