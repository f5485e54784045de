"""Sees to it that a process is reached by its sockets for as long as it lives."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from conduit_kernel.settings import UNIX

# How often they are looked for.
LOOK_SECONDS = 5.0
_OTHERS = 0o077


class SocketWatch:
    """Ends a process whose sockets were removed, as by who cleans folders for what passes.

    Who is connected goes on, but nobody else comes in, and a server of gRPC listens nowhere anew:
    the process that follows does.
    """

    def __init__(self, addresses: Iterable[str], end: Callable[[], object]) -> None:
        """Take where the process listens, and what ends it."""
        self._paths = [Path(each.removeprefix(UNIX)) for each in addresses if each]
        self._end = end

    async def run(self) -> None:
        """Look: a step of a loop. PermissionError if others have made the folder anew."""
        gone = [path for path in self._paths if not path.is_socket()]
        if not gone:
            return
        for folder in {path.parent for path in gone}:
            _own(folder)
        log = structlog.get_logger("sockets")
        log.error("sockets_removed", paths=[str(path) for path in gone])
        self._end()


def _own(folder: Path) -> None:
    """Make a folder unless it is there; PermissionError if others may enter it.

    Whoever connects to a socket there says a token.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & _OTHERS:
        raise PermissionError(
            f"{folder}, where our processes speak to each other, is open to others"
        )
