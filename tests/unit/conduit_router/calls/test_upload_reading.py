"""Files that follow a request are read for providers that take them within theirs."""

import asyncio
from pathlib import Path

import pytest

from conduit_kernel.errors import DeadlineExceeded, InvalidRequest, ServiceUnavailable
from conduit_kernel.http import HttpError, JoinedUpload, SpillBody, SpillFull, SpillSpace, Upload
from conduit_router.calls.upload_reading import read_files, until_measured


class Broken:
    """An upload that fails behind its first piece."""

    length = None

    def __init__(self, error: Exception) -> None:
        self._pieces: list[bytes | Exception] = [b"one", error]

    async def open(self) -> "Broken":
        """Begin."""
        return self

    async def next(self) -> bytes:
        """Return the piece, then fail."""
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece


async def test_files_come_whole_with_their_types() -> None:
    """By the names that were asked for."""
    files: dict[str, tuple[str, Upload]] = {
        "file:0": ("image/png", JoinedUpload([b"one", b"two"])),
        "file:mask": ("", JoinedUpload([])),
    }
    assert await read_files(files, 6) == {
        "file:0": ("image/png", b"onetwo"),
        "file:mask": ("", b""),
    }


async def test_all_files_together_are_bounded() -> None:
    """Nothing more is read than may be kept."""
    files: dict[str, tuple[str, Upload]] = {
        name: ("image/png", JoinedUpload([b"x" * 600_000])) for name in ("one", "two")
    }
    with pytest.raises(InvalidRequest, match="1 MiB at most") as raised:
        await read_files(files, 1_048_576)
    assert raised.value.metadata["field"] == "file"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SpillFull("the room for uploads is used up"), ServiceUnavailable),
        (HttpError("the caller left"), InvalidRequest),
        (InvalidRequest("too long", field="file.size"), InvalidRequest),
    ],
)
async def test_an_upload_that_breaks_off_is_no_providers_fault(
    error: Exception, kind: type[Exception]
) -> None:
    """The caller learns whose it is."""
    with pytest.raises(kind):
        await read_files({"file:0": ("", Broken(error))}, 100)


class Source:
    """What comes of an upload: so many pieces, and then an error or the end."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = [*pieces, b""]

    async def next(self) -> bytes:
        """Return the next one."""
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece


class Silent:
    """A source of which nothing comes."""

    async def next(self) -> bytes:
        """Wait for ever."""
        await asyncio.Event().wait()
        raise AssertionError


async def test_files_of_unknown_length_are_measured(tmp_path: Path) -> None:
    """What only their end tells is known once they are kept."""
    body = SpillBody(Source(b"one", b"two"), SpillSpace(tmp_path))
    try:
        assert body.length is None
        await until_measured([body, JoinedUpload([b"x"])], 5)
        assert body.length == 6
    finally:
        body.close()


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (Source(b"one", HttpError("the caller left")), InvalidRequest),
        (Source(SpillFull("no room")), ServiceUnavailable),
        (Silent(), DeadlineExceeded),
    ],
)
async def test_files_that_cannot_be_measured_cost_nobody_anything(
    tmp_path: Path, source: Source, kind: type[Exception]
) -> None:
    """Broken off, without room for them, or without an end within the call's time."""
    body = SpillBody(source, SpillSpace(tmp_path))
    try:
        with pytest.raises(kind):
            await until_measured([body], 0.01)
    finally:
        body.close()
