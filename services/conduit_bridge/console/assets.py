"""The files of the console, each in the forms that browsers take."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from conduit_bridge.compression import VARY, accepts, has_tag
from conduit_kernel.http import Answer, Field, Fields, Request

MEDIA_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".json": b"application/json",
    ".txt": b"text/plain; charset=utf-8",
    ".png": b"image/png",
}
# Best first: the ending of the file that has the form, the coding, and what callers call it.
CODINGS = ((".br", b"br", (b"br",)), (".gz", b"gzip", (b"gzip", b"x-gzip")))
# Nothing of others, nothing within the page, and no page around ours. What plots are exported as,
# and sound that was made, are addresses of the page's own.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self' data: blob:; media-src 'self' blob:; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'"
)
_NOT_MODIFIED = 304


def guard(policy: bytes) -> Fields:
    """Return the fields that keep others out of a page."""
    return (
        (b"content-security-policy", policy),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )


GUARD = guard(POLICY)


def folder() -> Traversable:
    """Return where the build writes them."""
    return files("conduit_bridge.console").joinpath("assets")


class Asset:
    """A file for browsers, as it is and compressed beforehand."""

    def __init__(self, path: Traversable, folder: Traversable, guard: Fields = GUARD) -> None:
        """Read it, and its other forms beside it; it is answered with the fields of `guard`."""
        body = path.read_bytes()
        self._guard = guard
        ending = path.name[path.name.rindex(".") :]
        self._media_type: Field = (b"content-type", MEDIA_TYPES[ending])
        tag = hashlib.sha256(body).hexdigest()[:32].encode()
        # By what callers call the coding; each form has a tag of its own.
        self._forms = [
            (names, b'"%b-%b"' % (tag, coding), coding, found.read_bytes())
            for suffix, coding, names in CODINGS
            if (found := folder.joinpath(path.name + suffix)).is_file()
        ]
        self._plain = b'"%b"' % tag, body

    async def answer(self, request: Request) -> Answer:
        """Return it as a caller takes it, or that it has not changed."""
        for names, tag, coding, body in self._forms:
            if accepts(request, names):
                return self._answer(request, tag, body, ((b"content-encoding", coding),))
        return self._answer(request, *self._plain, ())

    def _answer(self, request: Request, tag: bytes, body: bytes, coding: Fields) -> Answer:
        # Asked for each time, so that a page and its script are of one version.
        common: Fields = (*self._guard, (b"etag", tag), (b"cache-control", b"no-cache"), VARY)
        if has_tag(request, tag):
            return _NOT_MODIFIED, common, b""
        return 200, (self._media_type, *coding, *common), body
