"""Finds out whether a JSON object has certain members, without taking the object apart."""

import re
from collections.abc import Collection

import msgspec

_Some = msgspec.Raw | msgspec.UnsetType


class MemberScanner:
    """Looks for members of the object itself.

    A decoder that knows no other members passes over everything else, at a third of what a regular
    expression costs, and is not misled by what stands inside of texts.
    """

    def __init__(self, names: Collection[str]) -> None:
        fields = [(f"member_{i}", _Some, msgspec.UNSET) for i in range(len(names))]
        encoded = {f"member_{i}": name for i, name in enumerate(sorted(names))}
        members = msgspec.defstruct("Members", fields, rename=encoded)
        self._decode = msgspec.json.Decoder(members).decode
        self._none = members()

    def finds(self, body: bytes) -> bool:
        """Return whether there is one of them, or no way to tell."""
        try:
            return bool(self._decode(body) != self._none)
        except msgspec.MsgspecError:
            return True


class DeepMemberScanner:
    """Looks for members at any depth; what looks like one inside of texts is found, too."""

    def __init__(self, names: Collection[str]) -> None:
        # With the colon, because names such as `name` are more often values.
        any_name = "|".join(re.escape(name) for name in sorted(names))
        self._search = re.compile(rf'"(?:{any_name})"\s*:'.encode()).search

    def finds(self, body: bytes) -> bool:
        """Return whether there may be one of them."""
        return self._search(body) is not None
