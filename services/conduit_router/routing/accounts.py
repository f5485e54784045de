"""Which keys use the same account at a provider."""

import re
from collections import defaultdict
from typing import NamedTuple

from conduit_router.routing.table import EMPTY_TABLE, Instance, TableChange, UpstreamKey

NO_KEYS: frozenset[str] = frozenset()
# https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.cachedContents
_RESOURCE = re.compile(r"projects/([^/]+)/locations/([^/]+)/")


class _Account(NamedTuple):
    """An account at a provider, as far as the configuration tells one from another."""

    provider_type: str
    # The instance where no group names the account, else zero.
    provider_id: int
    group: str
    # Base URL, settings, organization and project of each address.
    places: frozenset[tuple[object, ...]]


class Accounts:
    """Finds the keys of an account in the current table."""

    def __init__(self) -> None:
        self._table = EMPTY_TABLE
        # By id of each key, the ids of those of its account. None until somebody asks.
        self._keys: dict[str, frozenset[str]] | None = None
        # Likewise, by project and location of an instance.
        self._places: dict[tuple[str, str], set[str]] | None = None

    def apply(self, change: TableChange) -> None:
        """Go by a new table."""
        self._table, self._keys, self._places = change.after, None, None

    def keys_beside(self, key_id: str) -> frozenset[str]:
        """Return the keys of a key's account, itself among them; none if it is not known."""
        if self._keys is None:
            self._keys = self._index()
        return self._keys.get(key_id, NO_KEYS)

    def keys_of(self, resource: str) -> frozenset[str] | None:
        """Return the keys of the project and location that a resource's full name has.

        None if it has none. Google names a project by its number where the configuration has its
        id; no other project of the location can be told from it then.
        """
        found = _RESOURCE.match(resource)
        if found is None:
            return None
        if self._places is None:
            self._places = self._index_places()
        project, location = found.groups()
        own = self._places.get((project, location))
        if own is None and project.isdecimal():
            others = [
                keys
                for (name, where), keys in self._places.items()
                if where == location and not name.isdecimal()
            ]
            return NO_KEYS.union(*others)
        return frozenset(own or NO_KEYS)

    def _index_places(self) -> dict[tuple[str, str], set[str]]:
        places = defaultdict[tuple[str, str], set[str]](set)
        for instance in self._table.instances.values():
            for key in instance.keys:
                for each in key.targets.values():
                    said = each.target.settings
                    if key.key_id and "project" in said and "location" in said:
                        places[said["project"], said["location"]].add(key.key_id)
        return dict(places)

    def _index(self) -> dict[str, frozenset[str]]:
        accounts = defaultdict[_Account, set[str]](set)
        for instance in self._table.instances.values():
            for key in instance.keys:
                if key.key_id:
                    accounts[_account(instance, key)].add(key.key_id)
        shared = map(frozenset, accounts.values())
        return {key_id: keys for keys in shared for key_id in keys}


def _account(instance: Instance, key: UpstreamKey) -> _Account:
    group = key.account_group
    targets = [there.target for there in key.targets.values()]
    places = frozenset(
        (each.base_url, *sorted(each.settings.items()), each.organization, each.project)
        for each in targets
    )
    return _Account(instance.spec.name, 0 if group else instance.provider.id, group, places)
