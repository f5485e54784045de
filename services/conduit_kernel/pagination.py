"""Pages of lists, and the opaque tokens that say where the next one starts."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from google.protobuf.message import Message

from conduit_kernel.errors import InvalidRequest
from conduit_kernel.limits import number_of

DEFAULT_SIZE = 100
_DIGEST_BYTES = 6
_ID_BYTES = 8

ItemT = TypeVar("ItemT")
# The ids of a list, or places in one that has none.
CursorT = TypeVar("CursorT", int, str)


@dataclass(frozen=True, slots=True)
class Page(Generic[CursorT]):
    """A part of a list: at most `size` things that come behind `after`."""

    size: int
    after: CursorT
    # What the list is of; a token of one list is no token of another.
    scope: str

    def cut(
        self, found: Sequence[ItemT], id_of: Callable[[ItemT], CursorT]
    ) -> tuple[Sequence[ItemT], str]:
        """Return the page and the next one's token, from what may be one more than fits."""
        if len(found) <= self.size:
            return found, ""
        return found[: self.size], self.token_at(id_of(found[self.size - 1]))

    def token_at(self, cursor: CursorT) -> str:
        """Return the token of a page that starts behind a cursor."""
        return _token(self.scope, _data(cursor))

    def pick(
        self, items: Iterable[ItemT], id_of: Callable[[ItemT], CursorT]
    ) -> tuple[Sequence[ItemT], str]:
        """Return the page and the next one's token, from all items in order of their ids."""
        behind = (item for item in items if id_of(item) > self.after)
        return self.cut(list(islice(behind, self.size + 1)), id_of)

    def slice(self: "Page[int]", items: Sequence[ItemT]) -> tuple[Sequence[ItemT], str]:
        """Return the page and the next one's token, from all items of a list that has no ids."""
        end = self.after + self.size
        token = _token(self.scope, _data(end)) if end < len(items) else ""
        return items[self.after : end], token


def page_of(request: Message, *scope: object, default: int = DEFAULT_SIZE) -> Page[int]:
    """Read a request for a page of a list with numbers for ids. InvalidRequest if it is wrong."""
    name, size = _scope(scope), _size(request, default)
    data = _after(name, _sent(request))
    after = int.from_bytes(data, "big", signed=True)
    if (data and len(data) != _ID_BYTES) or after < 0:
        raise wrong_token()
    return Page(size, after, name)


def text_page_of(request: Message, *scope: object) -> Page[str]:
    """Read a request for a page of a list with texts for ids. InvalidRequest if it is wrong."""
    name, size = _scope(scope), _size(request, DEFAULT_SIZE)
    return Page(size, _after(name, _sent(request)).decode(errors="replace"), name)


def _scope(scope: tuple[object, ...]) -> str:
    return "\0".join(map(str, scope))


def _sent(request: Message) -> str:
    token: str = request.page_token  # type: ignore[attr-defined] # requests for lists have one
    return token


def _size(request: Message, default: int) -> int:
    return number_of(request, "page_size") or default


def _data(cursor: int | str) -> bytes:
    return cursor.encode() if isinstance(cursor, str) else cursor.to_bytes(_ID_BYTES, "big")


def _token(scope: str, data: bytes) -> str:
    return base64.urlsafe_b64encode(_digest(scope, data) + data).decode().rstrip("=")


def _after(scope: str, token: str) -> bytes:
    if not token:
        return b""
    try:
        given = token.encode("ascii", "replace") + b"=" * (-len(token) % 4)
        data = base64.b64decode(given, altchars=b"-_", validate=True)
    except binascii.Error:
        data = b""
    digest, after = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if digest != _digest(scope, after) or not after:
        raise wrong_token()
    return after


def wrong_token() -> InvalidRequest:
    """Return the error of a token that is not this list's."""
    return InvalidRequest(
        "pageToken must be the nextPageToken of the last answer to the same request",
        field="pageToken",
    )


def _digest(scope: str, data: bytes) -> bytes:
    # Against mistakes, not against forgers: a token gives nothing that the list does not.
    return hashlib.blake2b(scope.encode() + b"\0" + data, digest_size=_DIGEST_BYTES).digest()
