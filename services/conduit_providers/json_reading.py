"""Reads JSON that came from outside: providers' answers, and texts that callers put into members.

Whatever is wrong with a text, it is a msgspec.DecodeError: not JSON, not UTF-8, nested deeper than
the limits of `conduit.v1.json_limits`, or not of the type. A byte order mark is none of it: of the
answers that begin with one, whoever receives them takes it away.
"""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
import orjson

from conduit.v1.json_limits import TOO_DEEP, is_too_deep

T = TypeVar("T")

# Where a choice or a call stands among others, as messages of the contract have it.
Index: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class JsonReader(Generic[T]):
    """Reads texts of one type."""

    __slots__ = ("decode_plain",)

    def __init__(self, kind: type[T], *, strict: bool = True) -> None:
        """Take the type; unless strict, numbers may be strings."""
        # Only for texts that keep to the limits for certain, see `operations.chat.is_plain_json`.
        decoder = msgspec.json.Decoder(kind, strict=strict)
        self.decode_plain: Callable[[bytes | msgspec.Raw], T] = decoder.decode

    def decode(self, text: bytes | msgspec.Raw) -> T:
        """Return what a text says. msgspec.DecodeError if it cannot be read."""
        if isinstance(text, msgspec.Raw):
            # Of a text that was looked at as a whole.
            return self.decode_plain(text)
        if is_too_deep(text):
            raise msgspec.DecodeError(TOO_DEEP)
        if not text.isascii():
            # Decoders do not look at what they pass over.
            _check_utf8(text)
        return self.decode_plain(text)


def parsed(text: bytes) -> Any:  # noqa: ANN401 # any JSON value
    """Return what a text says. msgspec.DecodeError if it cannot be read."""
    if is_too_deep(text):
        raise msgspec.DecodeError(TOO_DEEP)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None


def known(text: bytes) -> Any:  # noqa: ANN401 # as above
    """Return what a text says; None where it cannot be read, and is of no use to anybody."""
    try:
        return parsed(text)
    except msgspec.DecodeError:
        return None


def shown(value: object) -> str:
    """Return a value for people to read, as JSON if it can be."""
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:
        # Whole numbers of more than 64 bits.
        return str(value)


def _check_utf8(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise msgspec.DecodeError("is not UTF-8") from None
