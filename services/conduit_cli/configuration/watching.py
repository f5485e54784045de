"""Notices when a file becomes another one."""

from collections.abc import Callable, Iterator
from pathlib import Path

State = tuple[int, int, int] | None


def state_of(path: Path) -> State:
    """Return what changes with a file's content; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    # Links are followed: mounted configurations are replaced by turning a link.
    return found.st_mtime_ns, found.st_size, found.st_ino


def changes(path: Path, wait: Callable[[], None], is_due: Callable[[], bool]) -> Iterator[None]:
    """Yield whenever a file has changed, and stayed so for as long as `wait` takes.

    Also where it has not, if it `is_due` all the same: what was done for it last has failed.
    """
    known = state_of(path)
    while True:
        wait()
        now = state_of(path)
        if now is not None and now != known:
            # Whoever writes it may not be done.
            wait()
            if state_of(path) != now:
                continue
            known = now
            yield
        elif now is not None and is_due():
            yield
