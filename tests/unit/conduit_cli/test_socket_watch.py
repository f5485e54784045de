"""Sockets that somebody has removed."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conduit_cli.socket_watch import SocketWatch
from conduit_cli.sockets import socket_folder


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where a server listens, in a folder of its own."""
    with (
        socket_folder(Path("/nowhere"), {}) as folder,
        closing(socket.socket(socket.AF_UNIX)) as at,
    ):
        at.bind(str(folder / "registry"))
        yield folder / "registry"


async def ends(path: Path) -> bool:
    """Return whether a process that listens there is ended."""
    ended: list[bool] = []
    await SocketWatch([f"unix:{path}", ""], lambda: ended.append(True)).run()
    return bool(ended)


async def test_a_process_that_is_reached_lives_on(path: Path) -> None:
    """However often it is looked at."""
    assert not await ends(path)
    assert not await ends(path)


async def test_a_process_whose_socket_is_gone_ends(path: Path) -> None:
    """So that the one that follows listens there again."""
    path.unlink()
    assert await ends(path)
    path.touch()
    assert await ends(path)


async def test_the_folder_is_there_for_the_process_that_follows(path: Path) -> None:
    """For its user alone, as before."""
    path.unlink()
    path.parent.rmdir()
    assert await ends(path)
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_folder_that_others_may_enter_is_not_used(path: Path) -> None:
    """Whoever listens there would be told a token; who is connected goes on."""
    path.unlink()
    path.parent.chmod(0o755)
    with pytest.raises(PermissionError, match="open to others"):
        await ends(path)
