"""What this process's own means allow: its descriptors, and the errors that tell of their end."""

import contextlib
import errno
import socket
import sys

from conduit_kernel.errors import ServiceUnavailable

# For files, databases, listening sockets, and the connections between our services.
_RESERVE = 256
# Of few descriptors, so large a part is the reserve.
_RESERVE_PART = 4
_FEWEST = 8
_UNBOUNDED = 1 << 20
# What macOS lets a process have at least, where the hard limit is none and is not taken.
_OPEN_MAX = 10_240

# No descriptor left in the process or the machine; no memory for a socket.
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


def descriptor_limit() -> int:
    """Return how many descriptors this process may have open."""
    if sys.platform == "win32":
        return _UNBOUNDED
    import resource  # noqa: PLC0415 - only POSIX has it

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _UNBOUNDED if soft == resource.RLIM_INFINITY else soft


def raise_descriptor_limit() -> None:
    """Take as many descriptors as the system lets this process have, as Go's runtime does.

    The lower, soft limit is there for programs that use select(); none of ours does. Where it
    cannot be raised, the process has fewer connections, no fault.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - only POSIX has it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _OPEN_MAX):
        if soft == wanted or 0 < wanted < soft:
            return
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return


def connections_for(part: float) -> int:
    """Return how many connections a part of the descriptors allows, the reserve left out."""
    limit = descriptor_limit()
    free = limit - min(_RESERVE, limit // _RESERVE_PART)
    return max(int(free * part), _FEWEST)


def is_exhausted(error: BaseException) -> bool:
    """Return whether an error tells of our own lack, and of nothing that a peer did."""
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


def lack_told_by(error: BaseException) -> ServiceUnavailable | None:
    """Return what callers hear of our own lack, which passes; None if an error tells of no such."""
    if not is_exhausted(error):
        return None
    return ServiceUnavailable("Conduit has no means left for this call", retry_after_ms="1000")


def has_descriptor() -> bool:
    """Return whether another descriptor can be had; name look-ups do not say when it cannot."""
    try:
        socket.socket().close()
    except OSError as error:
        return not is_exhausted(error)
    return True
