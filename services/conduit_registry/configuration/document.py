"""The whole configuration as one YAML document, without secrets.

Things refer to each other by name, so that a document can be taken to another installation.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import yaml

from conduit.v1.json_runtime import dollars_text
from conduit_kernel.audit.changes import UNTOLD
from conduit_kernel.errors import InvalidRequest
from conduit_registry.messages import shown
from conduit_registry.rules.keys import is_reference
from conduit_registry.values import (
    Budget,
    FallbackChain,
    Key,
    ModelMapping,
    Provider,
    Resource,
    VirtualKey,
    VirtualKeyGroup,
)

VERSION = 1
MAX_CHARS = 16 * 1024 * 1024
MAX_DEPTH = 20
SECTIONS = ("providers", "mappings", "fallbackChains", "virtualKeyGroups", "virtualKeys")
# What all instances are held to that have no rules of their own.
SECURITY = "providerSecurity"

Members = dict[str, Any]

# What the API shows and nobody can set.
_SHOWN_ONLY = UNTOLD | {
    *("providerId", "maskedApiKey", "rotatedAt", "retiresAt"),
    *("keyPrefix", "key", "formerKeyUntil", "isImported"),
}
_TAG = "tag:yaml.org,2002:"
_TEXT = f"{_TAG}str"
# Plain words, as JSON has them. All that YAML 1.1 takes for a number is quoted when it is written
# as a text, so what is a number here must be one there.
_PLAIN_WORDS = (
    (f"{_TAG}bool", "(?:true|false)$", "tf"),
    (f"{_TAG}int", "-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    (f"{_TAG}float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?$", "-0123456789"),
)
# Hours and minutes, octals, dates, `yes` and `no`.
_NOT_JSON = frozenset(f"{_TAG}{name}" for name in ("bool", "int", "float", "timestamp"))
# The one in C is ten times as fast.
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write(  # noqa: PLR0917 # the kinds of things, in the document's order
    providers: Iterable[Provider],
    keys: Iterable[Key],
    mappings: Iterable[ModelMapping],
    chains: Iterable[FallbackChain],
    virtual_keys: Iterable[VirtualKey],
    groups: Iterable[VirtualKeyGroup] = (),
) -> str:
    """Return the document for a configuration."""
    providers, groups = list(providers), list(groups)
    names = {provider.id: provider.name for provider in providers}
    group_names = {group.id: group.name for group in groups}
    keys_of = defaultdict[int, list[Key]](list)
    for key in keys:
        # A former value has no use elsewhere, where only the present one is asked for.
        if key.retires_at is not None:
            continue
        keys_of[key.provider_id].append(key)
    return yaml.dump(
        {
            "version": VERSION,
            "providers": [
                _settable(provider) | {"keys": [_key(key) for key in keys_of[provider.id]]}
                for provider in providers
            ],
            "mappings": [
                {"provider": names[mapping.provider_id]} | _settable(mapping)
                for mapping in mappings
            ],
            "fallbackChains": [_chain(chain, names) for chain in chains],
            "virtualKeyGroups": [_group(group) for group in groups],
            "virtualKeys": [_virtual_key(each, group_names) for each in virtual_keys],
        },
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
    )


def read(text: str) -> dict[str, list[Members]]:
    """Return the sections that a document has, each a list of things in the API's spelling.

    InvalidRequest if it is no such document. Slow with a long text; call it in a thread.
    """
    return _sections(parse(text))


def parse(text: str) -> object:
    """Return what a YAML text says, as JSON would have it. InvalidRequest as with `read`."""
    if len(text) > MAX_CHARS:
        raise _wrong(f"must have at most {MAX_CHARS:,} characters")
    if text.startswith("{"):
        # What is JSON is read ten times as fast as such.
        with suppress(ValueError, RecursionError):
            document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
            _check_depth(document, MAX_DEPTH)
            return document
    try:
        _check_shape(text)
        return yaml.load(text, _Loader)  # noqa: S506 # a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _wrong(f"is not right at line {line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError):
        raise _wrong("is not a YAML document") from None


def _unique(pairs: list[tuple[str, object]]) -> Members:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(_: str) -> object:
    raise ValueError


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, dict | list):
        if not left:
            raise _wrong(f"must not be nested deeper than {MAX_DEPTH}")
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, left - 1)


def _sections(document: object) -> dict[str, list[Members]]:
    if not isinstance(document, dict):
        raise _wrong("must be a document as GET /api/config gives it")
    for name in document:
        if name not in {"version", SECURITY, *SECTIONS}:
            known = ", ".join((*SECTIONS, SECURITY))
            raise _wrong(f"has the section {str(name)[:60]!r}; there are {known}")
    version = document.get("version", VERSION)
    if version != VERSION or version is True:
        raise _wrong(f"must have the version {VERSION}")
    found = {name: members(document[name], name) for name in SECTIONS if name in document}
    if SECURITY in document:
        rules = members([document[SECURITY]], SECURITY)
        if "providers" not in found:
            return found | {SECURITY: rules}
        found["providers"] = [
            each if {"security", SECURITY} & each.keys() else each | {"security": rules[0]}
            for each in found["providers"]
        ]
    return found


def members(value: object, path: str) -> list[Members]:
    """Return a list of things. InvalidRequest if it is none."""
    things = [] if value is None else value
    if not isinstance(things, list) or not all(isinstance(each, dict) for each in things):
        raise InvalidRequest(f"{path} must be a list of things", field=path)
    return things


def _settable(value: Resource) -> Members:
    return {name: each for name, each in shown(value).items() if name not in _SHOWN_ONLY}


def _key(key: Key) -> Members:
    reference = {"apiKey": key.masked_api_key} if is_reference(key.masked_api_key) else {}
    return {"id": key.api_id} | reference | _settable(key)


def _chain(chain: FallbackChain, names: Mapping[int, str]) -> Members:
    entry = _settable(chain)
    for step in entry["providers"]:
        step["provider"] = names[step.pop("providerId")]
    return entry


def _group(group: VirtualKeyGroup) -> Members:
    entry = _settable(group)
    _write_limits(entry, group.budgets)
    return entry


def _virtual_key(virtual_key: VirtualKey, groups: Mapping[int, str]) -> Members:
    entry = _settable(virtual_key)
    number = entry.pop("groupId", None)
    entry["group"] = None if number is None else groups.get(number)
    # As texts, because a float may not hold them.
    if virtual_key.budget_nano_usd is not None:
        entry["budget"] = dollars_text(virtual_key.budget_nano_usd)
    if virtual_key.outage_allowance_nano_usd is not None:
        entry["outageAllowanceUsd"] = dollars_text(virtual_key.outage_allowance_nano_usd)
    _write_limits(entry, virtual_key.budgets)
    return entry


def _write_limits(entry: Members, budgets: Iterable[Budget]) -> None:
    for shown_budget, budget in zip(entry["budgets"], budgets, strict=True):
        shown_budget["limitUsd"] = dollars_text(budget.limit_nano_usd)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # chosen at run time
    """Reads YAML as JSON would mean it: no dates, no `yes` and `no`, no octals, no key twice."""

    # Without YAML 1.1's own ideas of what a plain word may be.
    yaml_implicit_resolvers = {  # noqa: RUF012 # the library's own declaration
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_JSON]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Members:  # noqa: FBT001, FBT002 # the library's signature
        """Return a mapping whose keys are texts, each there once."""
        seen = set()
        for key, _ in node.value:
            if key.tag != _TEXT or key.value in seen:
                problem = "a key is there twice, or is no text"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        found: Members = super().construct_mapping(node, deep=deep)
        return found


for _tag, _pattern, _first in _PLAIN_WORDS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def _check_shape(text: str) -> None:
    # Before anything is built: aliases can stand for more than any memory holds.
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _wrong("must not have aliases")
        # They can ask for what no JSON has, or for what cannot be made of a text.
        if getattr(event, "tag", None) is not None:
            raise _wrong("must not have tags")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _wrong(f"must not be nested deeper than {MAX_DEPTH}")


def _wrong(what: str) -> InvalidRequest:
    return InvalidRequest(f"yaml {what}", field="yaml")
