"""The limits of every JSON text that Conduit reads or writes, whoever sent it.

Callers whose text goes beyond them are refused; providers whose answers do are malformed.
"""

from itertools import accumulate

# Levels of objects and lists. Writers take 254, and what is read is put into other documents:
# arguments of a call, for one, stand a few levels deep in a request.
MAX_DEPTH = 200
TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"

# A text so short has too few brackets.
SHORT = 2 * MAX_DEPTH
_QUOTE = b'"'
# Brackets of either kind as steps, a level down and a level up; everything else but quotes goes.
_DOWN, _UP = b"\x01", b"\xff"
_STEPS = bytes.maketrans(b"{[}]", 2 * _DOWN + 2 * _UP)
_OTHERS = bytes(set(range(256)) - set(b'{}[]"'))
# Longer ones are not copied only to be counted in.
_LONG = 8192
# Most texts have fewer levels; those of the others are counted step by step, which takes longer.
_FEW = 8


def is_too_deep(text: bytes) -> bool:
    """Return whether a JSON text is nested deeper than MAX_DEPTH.

    Made for the many texts that are not: those with few brackets are not looked at any closer. What
    is returned for a text that is no JSON does not matter, as its reader refuses it.
    """
    return len(text) > SHORT and may_be_too_deep(text) and _is_nested_too_deep(text)


def is_one_too_deep(texts: list[bytes]) -> bool:
    """Return whether one of many texts is nested deeper than MAX_DEPTH.

    The texts of a burst have many brackets together, so each is looked at by itself.
    """
    return max(map(len, texts), default=0) > SHORT and any(map(is_too_deep, texts))


def may_be_too_deep(text: bytes) -> bool:
    """Return whether a text has more brackets than MAX_DEPTH."""
    if len(text) > _LONG:
        return _has_many_brackets(text)
    # To take them away is one search in C, though it copies; to count looks at each byte.
    return len(text) - len(text.replace(b"{", b"").replace(b"[", b"")) > MAX_DEPTH


def _has_many_brackets(text: bytes) -> bool:
    find, left = text.find, MAX_DEPTH
    for bracket in (b"{", b"["):
        at = find(bracket)
        while at >= 0:
            left -= 1
            if left < 0:
                return True
            at = find(bracket, at + 1)
    return False


def _is_nested_too_deep(text: bytes) -> bool:
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    steps = text.translate(_STEPS, _OTHERS)
    # Two quotes side by side leave what is inside of texts inside.
    steps = steps.replace(_QUOTE * 2, b"")
    if _QUOTE in steps:
        steps = b"".join(steps.split(_QUOTE)[::2])
    for _ in range(_FEW):
        # Takes away the innermost level.
        steps = steps.replace(_DOWN + _UP, b"")
        if not steps:
            return False
    return max(accumulate(memoryview(steps).cast("b"))) > MAX_DEPTH - _FEW
