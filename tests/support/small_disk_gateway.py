"""A gateway whose data are on a small disk of its own, which a test fills."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.gateways import CONDUIT, Served

# Mounts the disk where nobody else sees it; it ends with the last of the gateway's processes.
_SCRIPT = 'mount -t tmpfs -o "$1" tmpfs "$2" || exit 77; (cd "$2" && eval "$3"); shift 3; exec "$@"'


def may_mount() -> bool:
    """Return whether this system lets a test mount a disk."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    tried = subprocess.run([unshare, "-rm", "true"], check=False)  # noqa: S603 # our own command
    return tried.returncode == 0


def on_small_disk(folder: Path, options: str, prepare: str = "") -> tuple[str, ...]:
    """Return what comes before a command that has such a disk at a folder; else skip the test.

    The options are mount's for a tmpfs; what prepares the disk is a shell's, which runs there.
    """
    if not may_mount():
        pytest.skip("this system lets no test mount a disk")
    folder.mkdir()
    return ("unshare", "-rm", "sh", "-c", _SCRIPT, "sh", options, str(folder), prepare)


class SmallDisk(Served):
    """A running `conduit serve`, with such a disk."""

    def __init__(self, folder: Path, options: str, *arguments: str, **env: str) -> None:
        """Take mount's options of a tmpfs, and the gateway's arguments."""
        before = on_small_disk(folder, options)
        super().__init__(folder, *arguments, command=(*before, CONDUIT), **env)
        # As the processes that have it see it.
        self._folder = folder
        self.data_dir = Path(f"/proc/{self.process.pid}/root{folder}")

    def fill(self) -> None:
        """Take the last byte."""
        with (self.data_dir / "filler").open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def take_all_names(self) -> None:
        """Make files until no more can be."""
        with contextlib.suppress(OSError):
            for number in range(100_000):
                (self.data_dir / f"filler{number}").touch()

    def forbid_writes(self) -> None:
        """Make it read-only for all that is opened from now on: what is open keeps a disk busy."""
        folder, aside = str(self._folder), self._folder.with_name("read-only")
        aside.mkdir()
        # Aside, where nobody opens a file before it is read-only.
        self._as_its_owner("mount", "--bind", folder, str(aside))
        self._as_its_owner("mount", "-o", "remount,bind,ro", str(aside))
        self._as_its_owner("mount", "--move", str(aside), folder)

    def allow_writes(self) -> None:
        """Take that back; what was opened meanwhile stays as it is."""
        self._as_its_owner("umount", "--lazy", str(self._folder))

    def _as_its_owner(self, *command: str) -> None:
        enter = ("nsenter", "-t", str(self.process.pid), "-U", "-m", "--preserve-credentials")
        subprocess.run([*enter, *command], check=True)  # noqa: S603 # our own disk

    def mend(self) -> None:
        """Take all of that back."""
        for path in self.data_dir.glob("filler*"):
            path.unlink()
