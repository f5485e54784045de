"""A file that changes is noticed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from conduit_cli.configuration.watching import changes


def waits(*steps: Callable[[], object] | None) -> Callable[[], None]:
    """Return a wait in which something happens, each time something else."""
    left: Iterator[Callable[[], object] | None] = iter(steps)

    def wait() -> None:
        step = next(left)
        if step is not None:
            step()

    return wait


def test_a_change_is_told_once_it_is_whole(tmp_path: Path) -> None:
    """A file that is written yet, or that is away, is waited for."""
    path = tmp_path / "gateway.yaml"
    path.write_text("a")
    wait = waits(
        None,
        lambda: path.write_text("ab"),
        lambda: path.write_text("abc"),
        None,
        None,
        path.unlink,
        lambda: path.write_text("abcd"),
        None,
    )
    found = changes(path, wait, lambda: False)
    next(found)
    assert path.read_text() == "abc"
    next(found)
    assert path.read_text() == "abcd"


def test_a_link_that_is_turned_is_a_change(tmp_path: Path) -> None:
    """As mounted configurations are replaced: the file has the same size, and its own time."""
    for name in ("old", "new"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1, 1))
    path, beside = tmp_path / "gateway.yaml", tmp_path / "beside"
    path.symlink_to("old")
    beside.symlink_to("new")
    next(changes(path, waits(lambda: beside.replace(path), None), lambda: False))
    assert path.read_text() == "new"


def test_what_has_failed_is_due_again(tmp_path: Path) -> None:
    """As long as the file is there."""
    path = tmp_path / "gateway.yaml"
    path.write_text("a")
    due = iter([True, False, True])
    found = changes(
        path, waits(None, None, path.unlink, lambda: path.write_text("b"), None), lambda: next(due)
    )
    next(found)
    next(found)
    assert path.read_text() == "b"
    assert next(due)
