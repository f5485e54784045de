"""Pages of lists, and the opaque tokens that say where the next one starts."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from conduit_kernel.errors import InvalidRequest

DEFAULT_SIZE = 100
MAX_SIZE = 1000
_DIGEST_BYTES = 6
_ID_BYTES = 8

ItemT = TypeVar("ItemT")


class Page(NamedTuple):
    """Which part of a list to return: at most `size` things that come behind `after`."""

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


def page_of(size: int, token: str, *scope: object) -> Page:
    """Read what a request says of its page. InvalidRequest if that makes no sense."""
    if not 0 <= size <= MAX_SIZE:
        raise InvalidRequest(f"pageSize must be from 1 to {MAX_SIZE}, not {size}", field="pageSize")
    name = "\0".join(map(str, scope))
    return Page(size or DEFAULT_SIZE, _after(name, token) if token else 0, name)


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
