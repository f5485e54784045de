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


def changes(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Yield whenever a file has changed, and stayed so for as long as `wait` takes."""
    known = state_of(path)
    while True:
        wait()
        now = state_of(path)
        if now is None or now == known:
            continue
        # Whoever writes it may not be done.
        wait()
        if state_of(path) == now:
            known = now
            yield
