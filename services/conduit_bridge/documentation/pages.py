"""The pages of the documentation, each read when somebody asks for it."""

import base64
import hashlib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from conduit_bridge.console.assets import GUARD, MEDIA_TYPES, Asset, guard
from conduit_kernel.http import Fields

FIRST = "index.html"
_PAGE = ".html"
# The generator writes into a page what it begins with; nothing but these very texts may run there.
_WITHIN = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)
# The search runs apart from the page, and its index is fetched. Pictures within styles are icons.
_POLICY = (
    "default-src 'none'; script-src 'self' {script}; style-src 'self' {style}; "
    "connect-src 'self'; worker-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


def folder() -> Traversable:
    """Return where `make docs` writes them; it is not there in a checkout that has not."""
    return files("conduit_bridge.documentation").joinpath("site")


class Pages:
    """Knows the files of a site by their paths."""

    def __init__(self, where: Traversable) -> None:
        """Take the folder, of which nothing is read before somebody asks."""
        self._where = where
        # None until it was looked for.
        self._found: dict[str, tuple[Traversable, Traversable]] | None = None

    def asset(self, path: str) -> Asset | None:
        """Return a file by its path below the site; None if there is none."""
        if self._found is None:
            self._found = dict(_listing(self._where, "")) if self._where.is_dir() else {}
        found = self._found.get(path)
        if found is None:
            return None
        file, folder = found
        fields = page_guard(file.read_bytes()) if path.endswith(_PAGE) else GUARD
        return Asset(file, folder, fields)

    @property
    def is_made(self) -> bool:
        """Return whether there are any pages."""
        return self.asset(FIRST) is not None


def _listing(folder: Traversable, prefix: str) -> list[tuple[str, tuple[Traversable, Traversable]]]:
    """Return the files of a folder and of those within; other forms of a file are part of it."""
    found: list[tuple[str, tuple[Traversable, Traversable]]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _listing(each, f"{prefix}{each.name}/")
        elif each.name.endswith(tuple(MEDIA_TYPES)):
            found.append((prefix + each.name, (each, folder)))
    return found


def page_guard(page: bytes) -> Fields:
    """Return the fields of a page: what is within it may run by its digest alone."""
    digests: dict[bytes, list[str]] = {b"script": [], b"style": []}
    for kind, text in _WITHIN.findall(page):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        digests[kind].append(f"'sha256-{digest}'")
    named = {kind.decode(): " ".join(found) for kind, found in digests.items()}
    return guard(_POLICY.format(**named).encode())
