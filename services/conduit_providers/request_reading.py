"""Reads the JSON of callers' requests for the operations, and refuses what cannot be read."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable
from itertools import product
from typing import Generic, Literal, TypeVar

import msgspec

from conduit.v1.json_limits import TOO_DEEP, is_too_deep
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.tags import tags_of

Unread = msgspec.Raw | msgspec.UnsetType
RequestT = TypeVar("RequestT", bound=msgspec.Struct)

# Decides who is asked, who may ask, and the price.
ROUTED = "model"
# Say how much is written, and so what a request may cost.
BOUNDING = frozenset(("n", "best_of", "max_tokens", "max_completion_tokens", "max_output_tokens"))
_AT = re.compile(r" - at `\$\.?([^`]*)`")
_BYTE = re.compile(r"\(byte (\d+)\)")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# A value that no JSON has: whatever a member of this type says is refused.
_NEVER = ""


class Routed(msgspec.Struct, kw_only=True):
    """Members of any request that say where it may go, taken apart only where they are there."""

    fallbacks: Unread = msgspec.UNSET
    prompt_cache_key: Unread = msgspec.UNSET
    session_id: Unread = msgspec.UNSET
    user: Unread = msgspec.UNSET
    metadata: Unread = msgspec.UNSET

    def named_fallbacks(self) -> tuple[str, ...] | None:
        """Return the other models that may serve it, None if it names none."""
        if self.fallbacks is msgspec.UNSET:
            return None
        try:
            return tuple(msgspec.json.decode(self.fallbacks, type=list[str] | None) or ())
        except msgspec.ValidationError:
            message = "fallbacks must be a list of model names"
            raise InvalidRequest(message, field="fallbacks") from None

    def session(self) -> str:
        """Return the session that it is of, empty if it names none."""
        for value in (self.prompt_cache_key, self.session_id):
            if value is not msgspec.UNSET and bytes(value) not in {b"null", b'""'}:
                return bytes(value).decode()
        return ""

    def tags(self) -> tuple[str, ...]:
        """Return what it belongs to, as charges tell it."""
        user, metadata = self.user, self.metadata
        if user is metadata is msgspec.UNSET:
            return ()
        return tags_of(_bytes(user), _bytes(metadata))


class RequestReader(Generic[RequestT]):
    """Reads requests of one type."""

    def __init__(self, kind: type[RequestT]) -> None:
        """Take the members that are needed; the others are passed over."""
        # Only for texts that keep to the limits for certain, see `operations.chat.is_plain_json`.
        decoder = msgspec.json.Decoder(_with_one_model(kind))
        self.decode_plain: Callable[[bytes], RequestT] = decoder.decode

    def read(self, body: bytes) -> RequestT:
        """Return what a request says. MalformedJson or InvalidRequest if it cannot be read."""
        if not body:
            raise nothing_sent()
        if body.startswith(BOM_UTF8):
            message = "The body is not JSON: it begins with a byte order mark"
            raise MalformedJson(message, position="0")
        if is_too_deep(body):
            raise InvalidRequest(f"The body {TOO_DEEP}", field="")
        try:
            if not body.isascii():
                # What is passed over is not looked at, but reaches the provider.
                body.decode()
            return self.decode_plain(body)
        except msgspec.MsgspecError as error:
            raise refusal(error) from error
        except UnicodeDecodeError as error:
            position = str(error.start)
            message = f"The body is not JSON: it is not UTF-8 at position {position}"
            raise MalformedJson(message, position=position) from None


def _bytes(value: Unread) -> bytes:
    return b"" if value is msgspec.UNSET else bytes(value)


def _with_one_model(kind: type[RequestT]) -> type[RequestT]:
    """Return a type that refuses members that equal `model` but for case.

    Some servers, such as those in Go, would take them for it. The decoder finds them on its one way
    through the body.
    """
    spellings = ["".join(letters) for letters in product(*((c, c.upper()) for c in ROUTED))]
    names = {f"spelling_{i}": name for i, name in enumerate(spellings) if name != ROUTED}
    fields = [(name, Literal["\0"], _NEVER) for name in names]
    made: type = msgspec.defstruct(kind.__name__, fields, bases=(kind,), rename=names)
    return made


def refuse_other_bounds(body: bytes) -> None:
    """Refuse members that equal those which bound a request but for case, as with `model`.

    Callers whose use is limited are held to what these say. InvalidRequest names the first.
    """
    members = _members(body)
    names = "".join(members)
    if names.islower() and names.isascii():
        return
    for name in members:
        meant = name.casefold()
        if meant in BOUNDING and name != meant:
            raise _misspelt(name, meant)


def nothing_sent() -> MalformedJson:
    """Return the error of a request without a body; over gRPC neither of its forms is set."""
    return MalformedJson("The request is empty: it is neither JSON nor typed")


def refusal(error: msgspec.MsgspecError) -> InvalidRequest:
    """Return the error that names the field which does not fit, or says that it is no JSON."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        # None is named where the text is cut.
        place = _BYTE.search(text)
        known = {"position": place.group(1)} if place else {}
        return MalformedJson(f"The body is not JSON: {text}", **known)
    match = _AT.search(text)
    field = match.group(1) if match else ""
    if field != ROUTED and field.lower() == ROUTED:
        return _misspelt(field, ROUTED)
    if missing := re.match(r"Object missing required field `(\w+)`", text):
        field = f"{field}.{missing.group(1)}".lstrip(".")
        return InvalidRequest(f"{field} is required", field=field)
    what = _AT.sub("", text).replace("`", "")
    return InvalidRequest(f"{field or 'The body'}: {what[:1].lower()}{what[1:]}", field=field)


def _misspelt(name: str, meant: str) -> InvalidRequest:
    return InvalidRequest(f'{name} is not known here; did you mean "{meant}"?', field=name)
