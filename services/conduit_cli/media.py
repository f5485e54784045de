"""Sound and pictures from a running gateway, and recordings to it."""

import base64
import binascii
import mimetypes
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from conduit_cli.gateway import Gateway, Json

# How pictures begin, and what their files' names end in.
_KINDS: tuple[tuple[bytes, bytes, str], ...] = (
    (b"\x89PNG", b"", ".png"),
    (b"\xff\xd8\xff", b"", ".jpg"),
    (b"GIF8", b"", ".gif"),
    (b"RIFF", b"WEBP", ".webp"),
    (b"<svg", b"", ".svg"),
)
_STDIO = "-"


def speech(gateway: Gateway, wish: Json) -> Iterator[bytes]:
    """Yield the sound of a text as it comes.

    GatewayError if there is an error, OSError if the connection fails, also in the middle.
    """
    return gateway.content("/v1/audio/speech", wish)


def transcript(gateway: Gateway, file: Path, fields: Mapping[str, str]) -> str:
    """Return what is said in a recording, as the fields ask for it; errors as with `speech`."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return gateway.upload("/v1/audio/transcriptions", fields, file, kind).decode()


def images(gateway: Gateway, wish: Json) -> list[bytes]:
    """Return what was drawn; errors as with `speech`, ValueError for what are no pictures."""
    found = gateway.call("POST", "/v1/images/generations", wish).get("data")
    if not isinstance(found, list) or not found:
        raise ValueError("there are no pictures")
    return [_picture(each) for each in found]


def _picture(found: object) -> bytes:
    text = found.get("b64_json") if isinstance(found, dict) else None
    if not isinstance(text, str):
        raise ValueError("a picture is missing")  # noqa: TRY004 # of what was sent, not of ours
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a picture is not base64") from error


def ending_of(picture: bytes) -> str:
    """Return what the name of a picture's file ends in."""
    return next(
        (
            ending
            for begins, inside, ending in _KINDS
            if picture.startswith(begins) and inside in picture[:16]
        ),
        ".img",
    )


def numbered(path: Path, number: int) -> Path:
    """Return the path of one of several pictures."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def store(pieces: Iterable[bytes], path: Path) -> tuple[Path, int]:
    """Write a file as its pieces come, or standard output for `-`; return it and its size.

    A file is there only once it is whole.
    """
    if str(path) == _STDIO:
        size = sum(sys.stdout.buffer.write(piece) for piece in pieces)
        sys.stdout.buffer.flush()
        return path, size
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            size = sum(file.write(piece) for piece in pieces)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path, size
