"""What is wrong with a configuration document: the first problem, or all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import (
    AlreadyExists,
    ConduitError,
    InvalidRequest,
    NotImplementedYet,
    StillInUse,
)
from conduit_kernel.not_found_errors import NotFound

# More help nobody: who mends these asks again.
MAX_PROBLEMS = 500


class Problem(NamedTuple):
    """One thing that is wrong, and where it stands."""

    # Such as `providers[0].weight`.
    path: str
    message: str


class Problems:
    """Raises the first problem, or collects all of them, each of which ends one thing's turn."""

    def __init__(self, *, collects: bool) -> None:
        self._collects = collects
        self.found: list[Problem] = []

    @contextmanager
    def at(self, path: str) -> Iterator[None]:
        """Note what is wrong with the thing at a path, which goes no further then."""
        try:
            with at(path):
                yield
        except (InvalidRequest, AlreadyExists, NotFound, NotImplementedYet, StillInUse) as error:
            if not self._collects:
                raise
            if len(self.found) < MAX_PROBLEMS:
                message = error.message.removeprefix(f"{path}: ")
                self.found.append(Problem(error.metadata.get("field", path), message))


@contextmanager
def at(path: str) -> Iterator[None]:
    """Say in errors where in the document they are."""
    try:
        yield
    except JsonError as error:
        where = f"{path}.{error.path}" if error.path else path
        raise InvalidRequest(f"{where} {error.message}", field=where) from None
    except (InvalidRequest, AlreadyExists, NotFound, NotImplementedYet, StillInUse) as error:
        _place(error, path)
        raise


def _place(error: ConduitError, path: str) -> None:
    field = error.metadata.get("field", "")
    if field == path or field.startswith((f"{path}.", f"{path}[")):
        # It says so itself.
        return
    error.metadata["field"] = f"{path}.{field}".rstrip(".")
    error.message = f"{path}: {error.message}"
