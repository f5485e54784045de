"""Pages of lists, and the opaque tokens that say where the next one starts."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from conduit_kernel.errors import InvalidRequest

DEFAULT_SIZE = 100
MAX_SIZE = 1000
_DIGEST_BYTES = 6
_ID_BYTES = 8

ItemT = TypeVar("ItemT")


class Page(NamedTuple):
    """A part of a list: at most `size` things that come behind `after`."""

    size: int
    after: int
    # What the list is of; a token of one list is no token of another.
    scope: str

    def cut(
        self, found: Sequence[ItemT], id_of: Callable[[ItemT], int]
    ) -> tuple[Sequence[ItemT], str]:
        """Return the page and the next one's token, from what may be one more than fits."""
        if len(found) <= self.size:
            return found, ""
        return found[: self.size], _token(self.scope, id_of(found[self.size - 1]))

    def pick(
        self, items: Iterable[ItemT], id_of: Callable[[ItemT], int]
    ) -> tuple[Sequence[ItemT], str]:
        """Return the page and the next one's token, from all items in order of their ids."""
        behind = (item for item in items if id_of(item) > self.after)
        return self.cut(list(islice(behind, self.size + 1)), id_of)

    def slice(self, items: Sequence[ItemT]) -> tuple[Sequence[ItemT], str]:
        """Return the page and the next one's token, from all items of a list that has no ids."""
        end = self.after + self.size
        return items[self.after : end], _token(self.scope, end) if end < len(items) else ""


def page_of(
    size: int, token: str, *scope: object, default: int = DEFAULT_SIZE, most: int = MAX_SIZE
) -> Page:
    """Read what a request says of its page. InvalidRequest if that makes no sense."""
    if not 0 <= size <= most:
        raise InvalidRequest(f"pageSize must be from 1 to {most}, not {size}", field="pageSize")
    name = "\0".join(map(str, scope))
    return Page(size or default, _after(name, token) if token else 0, name)


def _token(scope: str, after: int) -> str:
    number = after.to_bytes(_ID_BYTES, "big")
    return base64.urlsafe_b64encode(_digest(scope, number) + number).decode().rstrip("=")


def _after(scope: str, token: str) -> int:
    try:
        data = base64.urlsafe_b64decode(token.encode("ascii", "replace") + b"=" * (-len(token) % 4))
    except binascii.Error:
        data = b""
    digest, number = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if len(number) != _ID_BYTES or digest != _digest(scope, number):
        raise InvalidRequest(
            "pageToken must be the nextPageToken of the last answer to the same request",
            field="pageToken",
        )
    return int.from_bytes(number, "big")


def _digest(scope: str, number: bytes) -> bytes:
    # Against mistakes, not against forgers: a token gives nothing that the list does not.
    return hashlib.blake2b(scope.encode() + b"\0" + number, digest_size=_DIGEST_BYTES).digest()
