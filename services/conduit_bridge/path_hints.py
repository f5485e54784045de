"""What callers of a path that is not there were probably looking for."""

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# What clients of OpenAI's ask for beside it, and what does the same here.
NOT_YET: Mapping[str, str] = {
    # Of the beta of sessions.
    "/realtime/sessions": "/v1/realtime/client_secrets",
    "/realtime/transcription_sessions": "/v1/realtime/client_secrets",
    "/engines": "/v1/models",
    "/assistants": "",
    "/threads": "",
    "/fine_tuning/jobs": "",
    "/vector_stores": "",
}
_PREFIXES = ("/v1", "/api")
# Nothing that is longer is one of ours with a slip in it.
_MAX_MISSPELT = 80
# Of 1 for the same: a letter or two in most paths, and no other word.
_LIKENESS = 0.9


class Hint(NamedTuple):
    """A hint at another path: which one, empty if there is none, and in words."""

    path: str
    words: str


class PathHints:
    """Knows the paths that are there, by how they end behind `/v1` and `/api`."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the paths; those with variables are left out."""
        known = [path for path in paths if "{" not in path and path.startswith(_PREFIXES)]
        self._known = known
        self._by_tail: dict[str, str] = {}
        for path in known:
            prefix = next(each for each in _PREFIXES if path.startswith(each))
            # Of two alike the one of callers is meant.
            if tail := path.removeprefix(prefix):
                self._by_tail[tail] = min(self._by_tail.get(tail, "~"), path, key=_rank)

    def hint(self, path: str) -> Hint | None:
        """Return a hint for a path that is not there; None if nothing is like it."""
        path = "/" + "/".join(filter(None, path.split("/")))
        tails = list(_tails(path))
        for tail in tails:
            if found := self._by_tail.get(tail):
                return Hint(found, f"did you mean {found}?")
        for tail in tails:
            if (instead := NOT_YET.get(tail)) is not None:
                words = "it is not in this version of Conduit"
                return Hint(instead, f"{words}; use {instead}" if instead else words)
        return self._misspelt(path)

    def _misspelt(self, path: str) -> Hint | None:
        """Return a hint at a path that differs by a slip."""
        if len(path) > _MAX_MISSPELT:
            return None
        near = difflib.get_close_matches(path.lower(), self._known, 1, _LIKENESS)
        return Hint(near[0], f"did you mean {near[0]}?") if near else None


def _rank(path: str) -> tuple[bool, str]:
    return (not path.startswith("/v1"), path)


def _tails(path: str) -> Iterable[str]:
    """Yield how a path ends, longest first; of what may be any length, its last six parts."""
    parts = path.split("/")[1:]
    for start in range(max(0, len(parts) - 6), len(parts)):
        yield "/" + "/".join(parts[start:])
