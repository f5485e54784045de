"""JSON as no caller and no provider should send it, made out of good JSON."""

import copy
import random
from typing import Any

import orjson

from conduit.v1.json_limits import MAX_DEPTH

# A place in a text to be filled with what no writer of JSON would write.
_HOLE = "\x7fhole\x7f"
_HOLE_TEXT = orjson.dumps(_HOLE)


def deep(levels: int, inside: bytes = b"1") -> bytes:
    """Return objects within objects, so many levels deep."""
    return b'{"a":' * levels + inside + b"}" * levels


# What a value is replaced by.
WRONG_TYPES = b'null true 0 -1 1.5 "" "x" [] {} [null] [[]] [{}] {"a":1} [1] ["x"] 3.0 "3"'.split()
WRONG_NUMBERS = (
    *b"1e999 -1e999 18446744073709551616 -9223372036854775809 4294967296 1e30 00 NaN".split(),
    # A thousand times the first, and the second in four bytes, are more than their numbers hold.
    *b"1e306 1e39".split(),
    b"9" * 400,
)
WRONG_TEXTS = (
    *rb'"\ud800" "\udc00" "\ud83d\ude00" "\u0000" "{\"a\":1e999}"'.split(),
    *(b'"\xff"', b'"\xed\xa0\x80"'),
    # Digits that are no number of ours, and the time that servers in Go do not know.
    *('"²"'.encode(), b'"%b"' % (b"9" * 5000), b'"0001-01-01T00:00:00"'),
    orjson.dumps(deep(300).decode()),
)
WRONG_SHAPES = b'{"type":"text","text":null} {"role":1} {"type":[]} {"type":"function"}'.split()
DEEP = (
    *(deep(30), deep(MAX_DEPTH - 20), deep(MAX_DEPTH + 1), deep(400), deep(1100)),
    *(b"[" * 1100 + b"]" * 1100, b"[" * 5000),
)
TEXTS: tuple[bytes, ...] = (*WRONG_TYPES, *WRONG_NUMBERS, *WRONG_TEXTS, *WRONG_SHAPES, *DEEP)


def nonsense(document: Any, chance: random.Random) -> bytes:  # noqa: ANN401 # any JSON
    """Return the JSON of a document in which one to three things are wrong."""
    changed, fills = copy.deepcopy(document), []
    for _ in range(chance.randrange(1, 4)):
        places = list(_places(changed))
        if not places:
            break
        inside, name = chance.choice(places)
        match chance.randrange(5):
            case 0 if isinstance(inside, dict):
                value = inside.pop(name)
                inside[chance.choice((str(name).title(), str(name).upper(), "zz"))] = value
            case 1 if isinstance(inside, dict):
                # A member twice; `_filled` gives it the name.
                inside[f"{_HOLE}{name}"] = _HOLE
                fills.append(chance.choice(TEXTS))
            case 2:
                del inside[name]
            case _:
                inside[name] = _HOLE
                fills.append(chance.choice(TEXTS))
    return _filled(orjson.dumps(changed), fills)


def _filled(text: bytes, fills: list[bytes]) -> bytes:
    for fill in fills:
        text = text.replace(_HOLE_TEXT, fill, 1)
    return text.replace(_HOLE_TEXT, b"null").replace(_HOLE_TEXT[1:-1], b"")


def _places(value: Any) -> Any:  # noqa: ANN401 # as above
    """Yield where values stand: what they are in, and their name or index there."""
    if not isinstance(value, dict | list):
        return
    named = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in list(named):
        yield value, name
        yield from _places(item)
