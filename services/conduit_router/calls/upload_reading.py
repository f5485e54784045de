"""Reads files that follow a request, for providers that take them within theirs."""

from collections.abc import Mapping

from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.http import HttpError, SpillFull, Upload


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


async def _read(upload: Upload, left: int, max_bytes: int) -> bytes:
    content = bytearray()
    try:
        reader = await upload.open()
        while piece := await reader.next():
            content += piece
            if len(content) > left:
                raise InvalidRequest(
                    f"The files of a request may have {max_bytes >> 20} MiB at most here",
                    field="file",
                )
    except SpillFull as error:
        message = "There is no room for an upload of this size just now"
        raise ServiceUnavailable(message, service="router") from error
    except HttpError as error:
        raise InvalidRequest(f"The upload broke off: {error}", field="file") from error
    return bytes(content)
