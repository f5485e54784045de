"""A configuration file in the making, of what another gateway has."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Members = dict[str, Any]
MAX_SECONDS = 600


@dataclass(slots=True)
class Instance:
    """One account or deployment of a provider, as the other gateway has it."""

    kind: str
    base_url: str = ""
    settings: Members = field(default_factory=dict[str, Any])
    api_key: str = ""
    organization: str = ""

    @property
    def identity(self) -> str:
        """Return what makes it another one."""
        return json.dumps(
            [self.kind, self.base_url, self.settings, self.api_key, self.organization],
            sort_keys=True,
        )


class Draft:
    """Sections of a file, and notes of what has no place in one."""

    def __init__(self) -> None:
        self.providers: list[Members] = []
        self.mappings: list[Members] = []
        self.chains: list[Members] = []
        self.groups: list[Members] = []
        self.virtual_keys: list[Members] = []
        self.costs: list[Members] = []
        self.notes: list[str] = []
        # Names of instances, by what they are: several where an alias has several of its models.
        self._names: dict[str, list[str]] = {}

    def note(self, place: str, what: str) -> None:
        """Say what could not be taken over."""
        line = f"{place}: {what}"
        if line not in self.notes:
            self.notes.append(line)

    def serve(self, alias: str, instance: Instance, model: str, **more: object) -> Members:
        """Have an alias served by a model of an instance; return the mapping."""
        names = self._names.setdefault(instance.identity, [])
        taken = {m["provider"]: m for m in self.of(alias)}
        for name in names:
            if name not in taken:
                break
            if taken[name]["actualModelName"] == model:
                return taken[name]
        else:
            # An alias has one model of an instance: a second one takes a second instance.
            names.append(name := self._add(instance))
        mapping = {"modelAlias": alias, "provider": name, "actualModelName": model, **more}
        self.mappings.append(mapping)
        return mapping

    def of(self, alias: str) -> list[Members]:
        """Return the mappings of an alias, in order."""
        return [each for each in self.mappings if each["modelAlias"] == alias]

    def chain(self, alias: str) -> Members:
        """Return the chain of an alias, made of its mappings if it has none yet."""
        for each in self.chains:
            if each["modelAlias"] == alias:
                return each
        made: Members = {"modelAlias": alias}
        self.chains.append(made)
        return made

    def fall_back(self, alias: str, to: str, *, condition: str = "") -> None:
        """Have an alias go on to those who serve another one, behind all that it goes on to."""
        chain = self.chain(alias)
        if "providers" not in chain:
            chain["providers"] = [_step(each, each.get("priority", 1)) for each in self.of(alias)]
        last = max((each["priority"] for each in chain["providers"]), default=0)
        said = {"conditions": [condition]} if condition else {}
        chain["providers"] += [_step(each, last + 1) | said for each in self.of(to)]

    def document(self) -> Members:
        """Return the file's sections, without those that are empty."""
        sections = {
            "providers": self.providers,
            "mappings": self.mappings,
            "fallbackChains": self.chains,
            "virtualKeyGroups": self.groups,
            "virtualKeys": self.virtual_keys,
            "modelCosts": self.costs,
        }
        return {"version": 1} | {name: each for name, each in sections.items() if each}

    def _add(self, instance: Instance) -> str:
        taken = {each["name"] for each in self.providers}
        number, name = 1, instance.kind
        while name in taken:
            number += 1
            name = f"{instance.kind} {number}"
        made: Members = {"name": name, "providerType": instance.kind}
        made |= {"baseUrl": instance.base_url} if instance.base_url else {}
        made |= {"settings": instance.settings} if instance.settings else {}
        if instance.api_key:
            key = {"name": "imported", "apiKey": instance.api_key}
            key |= {"organization": instance.organization} if instance.organization else {}
            made["keys"] = [key]
        self.providers.append(made)
        return name


def _step(mapping: Mapping[str, Any], priority: int) -> Members:
    step = {"provider": mapping["provider"], "priority": priority}
    step["actualModelName"] = mapping["actualModelName"]
    return step


def unique(name: str, taken: set[str]) -> str:
    """Return a name of at most 200 characters that none has yet, and take it."""
    printable = "".join(sign if sign.isprintable() else " " for sign in name)
    base = " ".join(printable.split())[:190] or "unnamed"
    found, number = base, 1
    while found.casefold() in taken:
        number += 1
        found = f"{base} {number}"
    taken.add(found.casefold())
    return found


def seconds(value: object) -> str | None:
    """Return a time as the contract writes it, bounded; None if it is none."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return f"{min(found, MAX_SECONDS):g}s" if found > 0 else None


def as_members(value: object) -> Members:
    """Return a copy of what has members; of all else nothing."""
    return dict(value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return a copy of a list; of all else nothing."""
    return list(value) if isinstance(value, list) else []
