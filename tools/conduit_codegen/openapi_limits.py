"""Writes what the services take of a field, as JSON Schema says it."""

from math import log10
from typing import Any

from .contract import ContractError, LimitOptions

_LINE = r"\u0000-\u001f\u007f"
_LINES = r"\u0000-\u0008\u000b\u000c\u000e-\u001f"
# What a text may not have.
_REFUSED = {"CHARACTERS_LINE": _LINE, "CHARACTERS_LINES": _LINES}

# So many digits of them, and nine of a fraction, an int64 of nano-dollars can always hold.
_WHOLE_DOLLARS = 9
_PLACES = 9


def limits_of_value(limits: LimitOptions, *, required: bool = False) -> dict[str, Any]:
    """Return the keywords of a value; of each, where a field is repeated."""
    formatted = {"format": limits.format}
    found: dict[str, Any] = {
        "minLength": limits.min_length,
        "maxLength": limits.max_length,
        "pattern": _pattern(limits),
    }
    if limits.format:
        # Empty is unset.
        found |= formatted if required else {"anyOf": [formatted, {"const": ""}]}
    bounds = {
        "minimum": limits.least,
        "exclusiveMinimum": limits.more_than,
        "maximum": limits.most,
    }
    found = {name: value for name, value in found.items() if value}
    return found | {name: _plain(value) for name, value in bounds.items() if value is not None}


def limits_of_list(limits: LimitOptions) -> dict[str, Any]:
    """Return the keywords of a list."""
    found = {"minItems": limits.min_items, "maxItems": limits.max_items}
    return {name: value for name, value in found.items() if value}


def limits_of_map(limits: LimitOptions, *, required: bool) -> dict[str, Any]:
    """Return the keywords of a map; what must be there is more than an empty one."""
    least = limits.min_items or int(required)
    found = {"minProperties": least, "maxProperties": limits.max_items}
    return {name: value for name, value in found.items() if value}


def amount_sent(limits: LimitOptions) -> dict[str, Any]:
    """Return the schema of dollars in a request: a number, or a text for more than 15 digits."""
    fraction = r"(\.[0-9]{1,9})?"
    whole = f"[0-9]{{1,{_WHOLE_DOLLARS}}}{fraction}"
    if limits.most is not None:
        zeros = len(str(int(limits.most))) - 1
        if limits.most != 10**zeros:
            problem = f"no pattern for amounts up to {limits.most} dollars"
            raise ContractError(problem)
        whole = rf"([0-9]{{1,{zeros}}}{fraction}|{int(limits.most)}(\.0{{1,9}})?)"
    return {"type": ["number", "string"], "pattern": f"^{_no_less(limits.least)}{whole}$"}


def _no_less(least: float | None) -> str:
    """Return what a text's digits must not begin with, where an amount has a least one."""
    if not least:
        return ""
    places = round(-log10(least))
    if not 1 <= places < _PLACES or least != 10.0**-places:
        problem = f"no pattern for amounts from {least} dollars"
        raise ContractError(problem)
    return rf"(?!0+(\.0{{1,{places}}}|\.0{{{places}}}[0-9]+)?$)"


def _pattern(limits: LimitOptions) -> str:
    if limits.max_seconds:
        return _seconds(limits.max_seconds)
    if limits.pattern:
        return limits.pattern
    refused = _REFUSED.get(limits.characters, "")
    if not limits.min_length:
        return f"^[^{refused}]*$" if refused else ""
    # Blanks around a text are no part of it.
    return rf"^[^{refused}]*[^\s{refused}][^{refused}]*$" if refused else r"\S"


def _seconds(most: int) -> str:
    """Return the pattern of a duration of more than nothing, in microseconds, up to a limit."""
    below = r"0\.(?=[0-9]{0,5}[1-9])[0-9]{1,9}"
    return rf"^(({_less(most)})(\.[0-9]{{1,9}})?|{most}(\.0{{1,9}})?|{below})s$"


def _less(than: int) -> str:
    """Return the pattern of the whole numbers from 1 to below another one."""
    digits = str(than)
    choices = [f"[1-9][0-9]{{0,{len(digits) - 2}}}"] if len(digits) > 1 else []
    for place, digit in enumerate(digits):
        least, most, behind = 0 if place else 1, int(digit) - 1, len(digits) - place - 1
        if least <= most:
            choices.append(f"{digits[:place]}[{least}-{most}]" + "[0-9]" * behind)
    return "|".join(choices)


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() else value
