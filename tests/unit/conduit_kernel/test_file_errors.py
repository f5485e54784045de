"""What the system refused, in words."""

import errno
import os

import pytest

from conduit_kernel.file_errors import in_words


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "Make room on its disk, for bytes and for files"),
        (errno.EDQUOT, "Make room on its disk, for bytes and for files"),
        (errno.EROFS, "Let its disk be written"),
        (errno.EACCES, "Let this user read and write there"),
        (errno.ENOTDIR, "Put a folder there"),
    ],
)
def test_a_file_that_is_refused_is_named_with_what_to_do(number: int, what: str) -> None:
    """In one line, without numbers."""
    said = in_words(OSError(number, os.strerror(number), "/data"))
    assert said.startswith(f"/data: {os.strerror(number)}. {what}, ")
    assert said.endswith("or choose another data directory: --data-dir DIR, or CONDUIT_DATA_DIR")
    assert "\n" not in said


def test_what_is_about_no_file_has_no_hint_about_files() -> None:
    """Such as a peer that hangs up, or what the system has no words for."""
    assert in_words(OSError(errno.EACCES, "Permission denied")) == "Permission denied"
    assert in_words(ConnectionResetError(104, "reset", "/socket")) == "/socket: reset"
    assert in_words(OSError("of no number")) == "of no number"
