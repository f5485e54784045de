"""Things that a gateway's API keeps one by one, and has no names for: prices, and webhooks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from google.protobuf.message import Message

from conduit.v1.json_runtime import JsonError
from conduit.v1.model_cost_json import model_cost_spec_from_json
from conduit.v1.webhook_json import webhook_spec_from_json
from conduit_cli.configuration.file import COSTS, WEBHOOKS, FileProblems, Problem
from conduit_cli.gateway import Gateway, Json

PAGE_SIZE = 1000
Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListedKind:
    """One kind of such things."""

    section: str
    # For people.
    label: str
    path: str
    # The member of a list's answer that has them.
    listed: str
    # Reads what an operator says of one. JsonError if it cannot be.
    spec: Callable[[object], Message]
    # All that an operator can say, as it is where nobody says it.
    blank: Mapping[str, object]
    # The members that one is known by.
    known_by: tuple[str, ...]

    def identity(self, thing: Members) -> str:
        """Return what a thing is known by."""
        return " ".join(str(thing[name]) for name in self.known_by if thing.get(name))


MODEL_COSTS = ListedKind(
    section=COSTS,
    label="price",
    path="/api/model-costs",
    listed="modelCosts",
    spec=model_cost_spec_from_json,
    blank={
        "providerId": 0,
        "modelPattern": None,
        "inputCostPer1kTokens": None,
        "outputCostPer1kTokens": None,
        "cachedInputCostPer1kTokens": None,
        "costPerUnit": None,
        "costCalculationType": "TokenBased",
        "unitCosts": [],
        "tiers": [],
        "conditions": [],
        "priority": 0,
        "effectiveFrom": None,
        "effectiveUntil": None,
    },
    known_by=("modelPattern", "provider", "priority", "effectiveFrom"),
)
HOOKS = ListedKind(
    section=WEBHOOKS,
    label="webhook",
    path="/api/webhooks",
    listed="webhooks",
    spec=webhook_spec_from_json,
    blank={"url": None, "kinds": [], "description": "", "isEnabled": True},
    known_by=("url",),
)
KINDS = (MODEL_COSTS, HOOKS)


class Change(NamedTuple):
    """One step that makes a thing what it shall be."""

    line: str
    method: str
    path: str
    body: Members | None = None


@dataclass(slots=True)
class Changes:
    """The steps for the things of one kind, and those that are not named and stay."""

    todo: list[Change] = field(default_factory=list[Change])
    kept: list[str] = field(default_factory=list[str])


def every(gateway: Gateway, path: str, listed: str) -> Iterator[Json]:
    """Yield all things of a list, page by page."""
    token = ""
    while True:
        asked = {"pageSize": str(PAGE_SIZE)} | ({"pageToken": token} if token else {})
        page = gateway.call("GET", f"{path}?{urlencode(asked)}")
        yield from page.get(listed) or ()
        token = str(page.get("nextPageToken") or "")
        if not token:
            return


def shown(gateway: Gateway, kind: ListedKind, names: Mapping[int, str]) -> list[Members]:
    """Return a gateway's things as a file has them, each with its id, instances by name."""
    return [_named(each, names) for each in every(gateway, kind.path, kind.listed)]


def exported(kind: ListedKind, thing: Members) -> Members:
    """Return what a file says of a thing: nothing that is so without it."""
    said = {"provider": thing["provider"]} if thing.get("provider") else {}
    return said | {
        name: thing[name]
        for name, blank in kind.blank.items()
        if name != "providerId" and thing.get(name) not in (blank, None)
    }


def changes_of(
    kind: ListedKind,
    wanted: list[Members],
    shown: list[Members],
    ids: Mapping[str, int],
    *,
    prunes: bool,
) -> Changes:
    """Return what makes the things that are shown those that are wanted.

    `ids` are those of the instances, by folded name. FileProblems names all that is wrong.
    """
    found, problems = Changes(), list[Problem]()
    known = {kind.identity(each): each for each in reversed(shown)}
    named = set[str]()
    for i, entry in enumerate(wanted):
        try:
            given, spec = _read(kind, entry, ids)
        except JsonError as error:
            place = f"{kind.section}[{i}].{error.path}".rstrip(".")
            problems.append(Problem(place, error.message))
            continue
        identity = kind.identity({**entry, "provider": str(entry.get("provider", "")).strip()})
        if identity in named:
            problems.append(Problem(f"{kind.section}[{i}]", "is in the file twice"))
        named.add(identity)
        found.todo += _change(kind, identity, given, spec, known.get(identity))
    if problems:
        raise FileProblems(problems)
    for identity, each in known.items():
        if identity not in named and prunes:
            line = f"deleted {kind.label} {identity}"
            found.todo.append(Change(line, "DELETE", f"{kind.path}/{each['id']}"))
        elif identity not in named:
            found.kept.append(f"{kind.label} {identity}")
    return found


def _read(kind: ListedKind, entry: Members, ids: Mapping[str, int]) -> tuple[Members, Message]:
    given = {**kind.blank, **entry}
    name = given.pop("provider", None)
    if name is not None:
        number = ids.get(str(name).strip().casefold())
        if number is None:
            raise JsonError("provider", f"There is no provider named {str(name)[:200]!r}")
        given["providerId"] = number
    return given, kind.spec(given)


def _change(
    kind: ListedKind, identity: str, given: Members, spec: Message, old: Members | None
) -> Iterator[Change]:
    if old is None:
        body = {name: each for name, each in given.items() if each is not None}
        yield Change(f"created {kind.label} {identity}", "POST", kind.path, body)
        return
    before = {name: old.get(name) for name in kind.blank}
    if kind.spec(before) != spec:
        differing = [
            name
            for name in kind.blank
            if kind.spec({name: before[name]}) != kind.spec({name: given[name]})
        ]
        line = f"changed {kind.label} {identity}, {', '.join(differing)}"
        # What the file leaves out goes back to what it is on creation: null says so.
        yield Change(line, "PUT", f"{kind.path}/{old['id']}", given)


def _named(thing: Json, names: Mapping[int, str]) -> Members:
    number = thing.get("providerId")
    return {**thing, "provider": names.get(number, f"#{number}")} if number else thing
