"""Schemas of a tool's arguments for providers that want an object, with its members at its top.

Claude's API refuses choices (`anyOf`, `oneOf`, `allOf`) at the top of a schema, and one that says
not that it is of an object, as unions of zod and pydantic do not: makenotion/notion-mcp-server#340,
at Bedrock zereight/gitlab-mcp#550.
"""

from typing import Any

Json = dict[str, Any]

_CHOICES = ("anyOf", "oneOf")
_COMBINED = (*_CHOICES, "allOf")
# No schema that is meant has more; one that refers to itself has no end.
_MOST_PIECES = 200


def object_schema(schema: Json) -> tuple[Json, bool]:
    """Return a schema of an object, and whether it allows more than the one that was given.

    Of choices all members are known; those are required that each choice requires.
    """
    return _Flattening(schema).flat(schema)


class _Flattening:
    def __init__(self, whole: Json) -> None:
        self._whole = whole
        self._pieces = 0

    def flat(self, piece: Json) -> tuple[Json, bool]:
        """Return a piece of the schema with nothing combined at its top, and whether it had."""
        self._pieces += 1
        found = dict(self._resolved(piece))
        words = [word for word in _COMBINED if word in found]
        for word in words:
            given = found.pop(word)
            branches = [
                self.flat(branch)[0]
                for branch in (given if isinstance(given, list) else ())
                if isinstance(branch, dict) and self._pieces < _MOST_PIECES
            ]
            _add(found, branches, is_choice=word in _CHOICES)
        found["type"] = "object"
        return found, bool(words)

    def _resolved(self, piece: Json) -> Json:
        """Return a piece with what it refers to, at its top, in the place of the reference."""
        while isinstance(place := piece.get("$ref"), str) and self._pieces < _MOST_PIECES:
            self._pieces += 1
            target = self._at(place)
            piece = target | {name: each for name, each in piece.items() if name != "$ref"}
        return piece

    def _at(self, place: str) -> Json:
        target: object = self._whole
        for name in place.removeprefix("#/").split("/"):
            key = name.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, dict) else None
        return _object(target)


def _add(found: Json, branches: list[Json], *, is_choice: bool) -> None:
    members = dict(_object(found.get("properties")))
    for branch in branches:
        for name, value in _object(branch.get("properties")).items():
            members[name] = _either(members[name], value) if name in members else value
    required = [set(_names(branch.get("required"))) for branch in branches]
    common = set.intersection(*required) if is_choice and required else set().union(*required)
    common.update(_names(found.get("required")))
    found["properties"] = members
    if common:
        found["required"] = [name for name in members if name in common]


def _either(one: object, other: object) -> object:
    known = one["anyOf"] if isinstance(one, dict) and one.keys() == {"anyOf"} else [one]
    if other in known:
        return one
    return {"anyOf": [*known, other]}


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
