"""Request bodies that are sent as they come."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from conduit_kernel.http.errors import UploadFailed


class UploadReader(Protocol):
    """One pass over a body."""

    async def next(self) -> bytes:
        """Return the next piece; b"" at the end."""
        ...


class Upload(Protocol):
    """A body that can be sent more than once."""

    @property
    def length(self) -> int | None:
        """Return how many bytes it has; None if only its end will tell."""
        ...

    async def open(self) -> UploadReader:
        """Begin a pass from the beginning."""
        ...


@runtime_checkable
class FilesAtHand(Protocol):
    """A stream of messages, some with files' bytes, whose files can be had without them as well."""

    @property
    def files(self) -> Sequence[Upload]:
        """The files, in the order of the messages."""
        ...


class JoinedUpload:
    """Several bodies one after the other, such as the parts of a form with what is between them."""

    def __init__(self, parts: Sequence[bytes | Upload]) -> None:
        self._parts = parts

    @property
    def length(self) -> int | None:
        """The sum, if all lengths are known."""
        total = 0
        for part in self._parts:
            size = len(part) if isinstance(part, bytes) else part.length
            if size is None:
                return None
            total += size
        return total

    async def open(self) -> UploadReader:
        """Begin with the first part; each other is opened in its turn."""
        return _JoinedReader(self._parts)


class _JoinedReader:
    def __init__(self, parts: Sequence[bytes | Upload]) -> None:
        self._left = list(reversed(parts))
        self._reader: UploadReader | None = None

    async def next(self) -> bytes:
        while True:
            if self._reader is not None:
                if data := await self._reader.next():
                    return data
                self._reader = None
            if not self._left:
                return b""
            part = self._left.pop()
            if not isinstance(part, bytes):
                self._reader = await part.open()
            elif part:
                return part


class Base64Upload:
    """A body in base64, as it stands in JSON: encoded piece by piece, never whole in memory."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    @property
    def length(self) -> int | None:
        """Four characters for each three bytes, the last ones filled up."""
        size = self._upload.length
        return None if size is None else (size + 2) // 3 * 4

    async def open(self) -> UploadReader:
        """Begin from the beginning."""
        return _Base64Reader(await self._upload.open())


class _Base64Reader:
    def __init__(self, reader: UploadReader) -> None:
        self._reader = reader
        # Fewer than three bytes, which wait for more.
        self._left = b""

    async def next(self) -> bytes:
        while data := await self._reader.next():
            data = self._left + data
            whole = len(data) // 3 * 3
            self._left = data[whole:]
            if whole:
                return b64encode(data[:whole])
        last, self._left = self._left, b""
        return b64encode(last)


async def write_pieces(
    upload: Upload, write: Callable[[bytes], None], until_writable: Callable[[], Awaitable[None]]
) -> None:
    """Write a body as its head announced it: of its length, or in chunks. Raises UploadFailed."""
    reader = await upload.open()
    left = upload.length
    while data := await reader.next():
        if left is None:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        elif (left := left - len(data)) < 0:
            raise UploadFailed("the request's body is longer than it was said to be")
        write(data)
        await until_writable()
    if left:
        raise UploadFailed("the request's body is shorter than it was said to be")
    if left is None:
        write(b"0\r\n\r\n")


def failure_of(error: Exception) -> UploadFailed:
    """Return what a request fails with whose body broke off."""
    if isinstance(error, UploadFailed):
        return error
    failure = UploadFailed(f"the request's body broke off: {error}")
    # Not with all who asked for it, who have the request.
    failure.__cause__ = error.with_traceback(None)
    return failure
