"""Answers for callers that take them compressed.

https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
"""

import asyncio
import gzip
import hashlib
from collections.abc import Sequence

from conduit_kernel.http import Answer, Field, Fields, Request

# What is smaller fits into one packet anyway.
WORTHWHILE_BYTES = 1400
VARY: Field = (b"vary", b"accept-encoding")
_CODING: Field = (b"content-encoding", b"gzip")
# Answers of the moment are written once and read once.
_FAST_LEVEL = 1
_NAMES = (b"gzip", b"x-gzip")
_NOT_MODIFIED = 304


def accepts_gzip(request: Request) -> bool:
    """Return whether a caller takes gzip: by its name, or else by `*`."""
    return accepts(request, _NAMES)


def accepts(request: Request, names: Sequence[bytes]) -> bool:
    """Return whether a caller takes a coding, by one of its names, or else by `*`."""
    given = request.fields.get(b"accept-encoding", b"").lower()
    wishes = [part.partition(b";") for part in given.replace(b" ", b"").split(b",")]
    qualities = {name: _is_wanted(parameters) for name, _, parameters in wishes}
    named = [qualities[name] for name in names if name in qualities]
    return any(named) if named else qualities.get(b"*", False)


def _is_wanted(parameters: bytes) -> bool:
    name, _, value = parameters.partition(b"=")
    return name != b"q" or bool(value.strip(b"0."))


async def compressed(answer: Answer, request: Request) -> Answer:
    """Return an answer as its caller takes it: folded where that is worth it."""
    status, fields, body = answer
    if len(body) < WORTHWHILE_BYTES:
        return answer
    if not accepts_gzip(request):
        return status, (*fields, VARY), body
    folded = await asyncio.to_thread(gzip.compress, body, _FAST_LEVEL, mtime=0)
    return status, (*fields, VARY, _CODING), folded


class Document:
    """A text that never changes: folded once, and told by its tag to who has it already."""

    def __init__(self, body: bytes, media_type: Field) -> None:
        """Take the text; nothing is done with it before somebody asks."""
        self._body = body
        self._media_type = media_type
        self._folded = b""
        self._tag = b""

    async def answer(self, request: Request) -> Answer:
        """Return the text as a caller takes it, or that it has not changed."""
        if not self._tag:
            self._folded, self._tag = await asyncio.to_thread(self._prepare)
        is_folded = accepts_gzip(request)
        # Each form has a tag of its own: they are not the same bytes.
        tag = b'"%b%b"' % (self._tag, b"-gzip" if is_folded else b"")
        common: Fields = ((b"etag", tag), (b"cache-control", b"no-cache"), VARY)
        if has_tag(request, tag):
            return _NOT_MODIFIED, common, b""
        if is_folded:
            return 200, (self._media_type, _CODING, *common), self._folded
        return 200, (self._media_type, *common), self._body

    def _prepare(self) -> tuple[bytes, bytes]:
        tag = hashlib.sha256(self._body).hexdigest()[:32].encode()
        return gzip.compress(self._body, mtime=0), tag


def has_tag(request: Request, tag: bytes) -> bool:
    """Return whether a caller has the form of this tag already."""
    given = request.fields.get(b"if-none-match", b"")
    tags = {part.strip().removeprefix(b"W/") for part in given.split(b",")}
    return tag in tags or b"*" in tags
