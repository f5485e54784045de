"""Files that commands write for their user alone."""

import os
import stat
from pathlib import Path
from typing import TextIO


def open_private(path: Path, *, appends: bool = False) -> TextIO:
    """Open a file to write text; from then on nobody else reads it, also one that was there before.

    What is no regular file, such as a pipe, stays as it is. OSError if it cannot be opened, or is
    somebody else's.
    """
    start = os.O_APPEND if appends else os.O_TRUNC
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | start, 0o600)
    try:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)
        return open(handle, "w", encoding="utf-8")  # noqa: PTH123 # of a handle
    except BaseException:
        os.close(handle)
        raise
