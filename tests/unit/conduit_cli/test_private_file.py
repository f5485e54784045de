"""Files that commands write for their user alone."""

import os
import stat
from pathlib import Path

import pytest

from conduit_cli.private_file import open_private


def mode_of(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("appends", [False, True])
def test_a_file_is_its_users_alone(tmp_path: Path, *, appends: bool) -> None:
    """One that others could read before as well: before anything is written."""
    for name in ("new", "old"):
        path = tmp_path / name
        if name == "old":
            path.write_text("before\n", "utf-8")
            path.chmod(0o644)
        with open_private(path, appends=appends) as file:
            assert mode_of(path) == 0o600
            file.write("secret\n")
    assert (tmp_path / "new").read_text("utf-8") == "secret\n"
    kept = "before\n" if appends else ""
    assert (tmp_path / "old").read_text("utf-8") == f"{kept}secret\n"


def test_what_is_no_file_stays_as_it_is(tmp_path: Path) -> None:
    """Such as a pipe of the user's, or what all programs write to."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o622)
    pipe.chmod(0o622)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with open_private(pipe) as file:
            file.write("x")
        assert os.read(reader, 9) == b"x"
    finally:
        os.close(reader)
    assert mode_of(pipe) == 0o622


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """By the system's own error."""
    with pytest.raises(IsADirectoryError):
        open_private(tmp_path)
