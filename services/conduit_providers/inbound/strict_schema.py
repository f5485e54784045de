"""Which schemas OpenAI's structured outputs take as strict.

https://platform.openai.com/docs/guides/structured-outputs: each object is closed, and each of its
members required. Anthropic's take members that may be missing, and those OpenAI refuses.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "allOf", "oneOf", "prefixItems")


def is_strict(schema: object) -> bool:
    """Return whether a schema is closed, and wants all of its members."""
    waiting = [schema]
    while waiting:
        piece = waiting.pop()
        if not isinstance(piece, dict):
            continue
        if _is_object(piece) and not _is_closed(piece):
            return False
        waiting += _inside(piece)
    return True


def _is_object(piece: Json) -> bool:
    kind = piece.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return "object" in kinds or "properties" in piece


def _is_closed(piece: Json) -> bool:
    members, required = piece.get("properties", {}), piece.get("required", [])
    if not (isinstance(members, dict) and isinstance(required, list)):
        return False
    return piece.get("additionalProperties") is False and all(name in required for name in members)


def _inside(piece: Json) -> Iterator[object]:
    for name in _NAMED:
        if isinstance(named := piece.get(name), dict):
            yield from named.values()
    for name in _LISTED:
        if isinstance(listed := piece.get(name), list):
            yield from listed
    yield piece.get("items")
