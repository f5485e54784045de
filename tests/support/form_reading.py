"""Forms, written by hand and read in pieces."""

from pathlib import Path

from conduit_bridge.multipart import FormLimits, read_form
from conduit_kernel.http import SpillBody, SpillSpace

TYPE = b'multipart/form-data; boundary="x y"'


def form(*parts: bytes) -> bytes:
    """Return a form of parts, each with its head."""
    return b"".join(b"--x y\r\n" + part + b"\r\n" for part in parts) + b"--x y--\r\n"


class Pieces:
    """A body in pieces."""

    def __init__(self, body: bytes, size: int) -> None:
        self._left = [body[at : at + size] for at in range(0, len(body), size)]

    async def next(self) -> bytes:
        """Return the next one."""
        return self._left.pop(0) if self._left else b""


def part(disposition: bytes, data: bytes) -> bytes:
    """Write a part."""
    return b"content-disposition: form-data; " + disposition + b"\r\n\r\n" + data


async def read(
    body: bytes,
    size: int,
    folder: Path,
    limits: FormLimits | None = None,
    *,
    content_type: bytes | None = TYPE,
) -> list[tuple[str, str | None, str, bytes]]:
    """Read a form in pieces of a size, its files to the end."""
    space = SpillSpace(folder, memory_bytes=100)
    left = space.left
    try:
        form = await read_form(content_type, Pieces(body, size), space, limits)
        got = []
        for name, filename, kind, value in form.parts:
            data = value
            if isinstance(data, SpillBody):
                data = b"".join([piece async for piece in await data.open()])
                assert isinstance(value, SpillBody)
                assert value.length == len(data)
            assert isinstance(data, bytes)
            got.append((name, filename, kind, data))
        form.close()
    finally:
        assert space.left == left
        assert not list(folder.iterdir())
    return got
