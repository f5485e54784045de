"""What other providers want back of a turn, inside of Anthropic's blocks.

Clients of Anthropic's Messages hand thinking blocks back as they came, and nothing else that they
do not know. So what a chat's turn has beyond words and calls travels in the signature of a thought,
or as a sealed thought, behind a mark that Anthropic's own never have.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
import orjson

from conduit_providers.json_reading import parsed

Json = dict[str, Any]

# Its dot is in no base64.
MARK = "conduit."
MARK_BYTES = MARK.encode()


def sealed(members: Json) -> str:
    """Return the text that stands for members of a turn; empty for none."""
    return MARK + urlsafe_b64encode(orjson.dumps(members)).decode() if members else ""


def sealed_nothing() -> str:
    """Return the text that stands for no members: the thought beside it is a provider's words."""
    return MARK + urlsafe_b64encode(b"{}").decode()


def is_sealed(text: str) -> bool:
    """Return whether a text is one of these, whole or not."""
    return text.startswith(MARK)


def opened(text: str) -> Json | None:
    """Return the members that a text stands for; None if it is none of these, or was changed."""
    if not is_sealed(text):
        return None
    try:
        found = parsed(urlsafe_b64decode(text.removeprefix(MARK).encode()))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return found if isinstance(found, dict) else None


def merged(first: Json, more: Json) -> Json:
    """Return members with those of a later piece: lists and objects go on, others are replaced."""
    found = dict(first)
    for name, value in more.items():
        before = found.get(name)
        if isinstance(before, list) and isinstance(value, list):
            found[name] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            found[name] = merged(before, value)
        else:
            found[name] = value
    return found


class OpenedThoughts:
    """The members of a turn that were sealed."""

    def __init__(self) -> None:
        # The thoughts, as their provider wants them back.
        self.details: list[Json] = []
        # Members of calls, by the calls' ids, and of the turn itself.
        self.of_calls: dict[str, Json] = {}
        self.of_turn: Json = {}

    def add(self, text: str) -> None:
        """Open a sealed text; one that was changed says nothing."""
        members = opened(text) or {}
        details, calls = members.get("details"), members.get("calls")
        if isinstance(details, list):
            self.details += details
        if isinstance(calls, dict):
            self.of_calls |= calls
        if isinstance(said := members.get("said"), dict):
            self.of_turn = merged(self.of_turn, said)
