"""Reads files that follow a request: for their length, or to send them within another one."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from conduit_kernel.errors import DeadlineExceeded, InvalidRequest, ServiceUnavailable
from conduit_kernel.http import HttpError, SpillBody, SpillFull, Upload


async def read_files(
    files: Mapping[str, tuple[str, Upload]], max_bytes: int
) -> dict[str, tuple[str, bytes]]:
    """Return the contents of files, with their media types. InvalidRequest if they break off.

    `max_bytes` are those of all files together.
    """
    left, found = max_bytes, {}
    for name, (kind, upload) in files.items():
        content = await _read(upload, left, max_bytes)
        left -= len(content)
        found[name] = (kind, content)
    return found


async def until_measured(uploads: Iterable[Upload], seconds: float) -> None:
    """Wait until the lengths of files are known. InvalidRequest if they break off.

    DeadlineExceeded if they are not within so many seconds.
    """
    unmeasured = [each for each in uploads if each.length is None and isinstance(each, SpillBody)]
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            for upload in unmeasured:
                with _reported():
                    await upload.fill()
    except TimeoutError as error:
        raise DeadlineExceeded("The upload did not end in time", attempts="0") from error


async def _read(upload: Upload, left: int, max_bytes: int) -> bytes:
    content = bytearray()
    with _reported():
        reader = await upload.open()
        while piece := await reader.next():
            content += piece
            if len(content) > left:
                raise InvalidRequest(
                    f"The files of a request may have {max_bytes >> 20} MiB at most here",
                    field="file",
                )
    return bytes(content)


@contextmanager
def _reported() -> Iterator[None]:
    """Tell the caller what became of an upload."""
    try:
        yield
    except SpillFull as error:
        message = "There is no room for an upload of this size just now"
        raise ServiceUnavailable(message, service="router") from error
    except HttpError as error:
        raise InvalidRequest(f"The upload broke off: {error}", field="file") from error
