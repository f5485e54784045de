"""Keeps what a process holds from others on its machine: its files, its memory, its dumps."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Mapping

# Of `prctl`: https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
_PR_SET_DUMPABLE = 4
# What a process makes is for its own user.
PRIVATE_UMASK = 0o077


def guard_process(env: Mapping[str, str]) -> None:
    """Make files for this user alone, leave no core dump, and let nobody of the user's look in.

    Whoever may trace any process of the machine, as root may, still can. Where the system has no
    such means, the process runs without. With CONDUIT_TRACEABLE a user may look into their own.
    """
    os.umask(PRIVATE_UMASK)
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - only POSIX has it

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and not env.get("CONDUIT_TRACEABLE"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
