"""Every way an HTTP exchange can fail, as a tree that callers catch by its branches."""

from collections.abc import Iterator

import pytest

from conduit_kernel.http import errors
from conduit_kernel.http.errors import (
    ConnectFailed,
    HttpError,
    LocalExhausted,
    SpillFull,
    UploadFailed,
)


def drawn() -> set[tuple[str, str]]:
    """Read the tree from the module's docstring, as pairs of a class and its base."""
    path: list[str] = []
    found = set()
    for line in (errors.__doc__ or "").splitlines():
        depth, mark, text = line.partition("* ")
        if mark and not depth.strip():
            del path[len(depth) // 2 :]
            path.append(text.split()[0])
            found.add((path[-1], path[-2] if len(path) > 1 else "Exception"))
    return found


def made(root: type[Exception], base: str = "Exception") -> Iterator[tuple[str, str]]:
    """Yield the tree as the module has it."""
    yield root.__name__, base
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from made(child, root.__name__)


def test_the_tree_is_as_it_is_drawn() -> None:
    """Whoever reads the module's docstring knows what a branch catches."""
    assert set(made(HttpError)) == drawn()


def test_a_failed_connection_says_at_which_step() -> None:
    """For programs; its message is for people."""
    error = ConnectFailed("dns", "the name x cannot be resolved")
    assert (error.kind, str(error)) == ("dns", "the name x cannot be resolved")


def test_no_room_for_uploads_is_no_peers_fault() -> None:
    """It is caught with our other lacks."""
    assert issubclass(SpillFull, LocalExhausted)


def test_an_error_that_is_raised_anew_has_its_cause() -> None:
    """It says what the first one said, and does not refer to who was asked before."""
    failure = UploadFailed("broke off")
    failure.__cause__ = ValueError("too large")
    with pytest.raises(UploadFailed, match="broke off"):
        raise failure.anew()
    assert failure.__traceback__ is None
    assert failure.anew().__cause__ is failure.__cause__
    assert ConnectFailed("dns", "no such host").anew().kind == "dns"
