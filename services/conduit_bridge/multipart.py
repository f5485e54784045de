"""`multipart/form-data` bodies: https://www.rfc-editor.org/rfc/rfc7578.

Read as they come, with files kept where uploads are kept. Members come in any order, and unknown
ones are kept, too.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from conduit_kernel.errors import InvalidRequest, RequestTooLarge
from conduit_kernel.http import SpillBody, SpillSpace, UploadReader
from conduit_kernel.http.limits import KIB, MIB

MAX_PARTS = 1000
_MAX_FIELDS = 32


class FormLimits(msgspec.Struct, frozen=True):
    """Bounds of a form, beside that of its whole body."""

    parts: int = MAX_PARTS
    # Of one part's head.
    header_fields: int = _MAX_FIELDS
    header_bytes: int = 8 * KIB
    # Of all members together that are no files, and so are held in memory.
    member_bytes: int = MIB


class PartHead(NamedTuple):
    """The head of a part. Names are as they were sent, brackets and all."""

    name: str
    filename: str | None
    content_type: str


class FormPart(NamedTuple):
    """A part of a form: a member's value, or a file, which has a filename."""

    name: str
    filename: str | None
    content_type: str
    body: bytes | SpillBody


class FormParser:
    """Bytes to parts, however they were cut. Pure: no socket, no clock.

    `begin` gets each part's head, `data` its bytes. InvalidRequest if the body is no form, is
    malformed or exceeds a limit.
    """

    def __init__(
        self,
        content_type: bytes | None,
        begin: Callable[[PartHead], None],
        data: Callable[[bytes], None],
        limits: FormLimits,
    ) -> None:
        self._begin = begin
        self._data = data
        self._limits = limits
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value = b""
        self._parts = 0
        self._is_whole = False
        boundary = _boundary_of(content_type)
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._part_data,
                    "on_end": self._end,
                },
                max_header_count=limits.header_fields,
                max_header_size=limits.header_bytes,
            )
        except FormParserError as error:
            raise _malformed() from error

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed() from error

    def finish(self) -> None:
        """Take the end of the body."""
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise _malformed() from error
        if not self._is_whole:
            raise InvalidRequest("The form breaks off before its last boundary")

    # The parser's callbacks, which come in the order of the bytes.

    def _part_begin(self) -> None:
        if self._parts == self._limits.parts:
            raise InvalidRequest(f"A form may have at most {self._limits.parts} parts")
        self._parts += 1
        self._headers = {}

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise InvalidRequest("Each part of a form needs a name in its content-disposition")
        filename = options.get(b"filename")
        self._begin(
            PartHead(
                _text(name),
                None if filename is None else _text(filename),
                _text(self._headers.get(b"content-type", b"")),
            )
        )

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data(data[start:end])

    def _end(self) -> None:
        self._is_whole = True


class Form:
    """A form that was read as it came. `close` it, always: it holds its files."""

    def __init__(self) -> None:
        self.parts: list[FormPart] = []

    def close(self) -> None:
        """Give the files up."""
        for part in self.parts:
            if isinstance(part.body, SpillBody):
                part.body.close()


async def read_form(
    content_type: bytes | None,
    body: UploadReader,
    space: SpillSpace,
    limits: FormLimits | None = None,
) -> Form:
    """Read a form as it comes; what has a filename is kept in `space`, not in memory.

    Raises InvalidRequest, RequestTooLarge, SpillFull, and what reading the body raises.
    """
    reader = _FormReader(content_type, body, space, limits or FormLimits())
    try:
        await reader.read()
    except BaseException:
        reader.form.close()
        raise
    return reader.form


class _FormReader:
    """Feeds the parser, and each file's keeper from what it finds."""

    def __init__(
        self, content_type: bytes | None, body: UploadReader, space: SpillSpace, limits: FormLimits
    ) -> None:
        self.form = Form()
        self._body = body
        self._space = space
        self._parser = FormParser(content_type, self._begin, self._data, limits)
        self._left = limits.member_bytes
        self._limits = limits
        self._found: list[tuple[PartHead, list[bytes]]] = []
        self._is_whole = False

    async def read(self) -> None:
        while await self._advance():
            # The last one may go on; those before it are whole.
            while len(self._found) > 1 or (self._found and self._is_file()):
                await self._take()
        while self._found:
            await self._take()

    def _is_file(self) -> bool:
        return self._found[0][0].filename is not None

    async def _take(self) -> None:
        """Make a part of the first that was found; a file is read to its end meanwhile."""
        head, data = self._found[0]
        if head.filename is None:
            self.form.parts.append(FormPart(*head, b"".join(data)))
            self._found.pop(0)
            return
        kept = SpillBody(_FileSource(self), self._space)
        self.form.parts.append(FormPart(*head, kept))
        await kept.fill()
        self._found.pop(0)

    async def more_of_file(self) -> bytes:
        """Return the next bytes of the part that is being read; b"" at its end."""
        data = self._found[0][1]
        while not data:
            if len(self._found) > 1 or not await self._advance():
                return b""
        piece = b"".join(data)
        data.clear()
        return piece

    async def _advance(self) -> bool:
        """Parse what comes next; False at the end."""
        if self._is_whole:
            return False
        piece = await self._body.next()
        if piece:
            self._parser.feed(piece)
            return True
        self._parser.finish()
        self._is_whole = True
        return False

    def _begin(self, head: PartHead) -> None:
        self._found.append((head, []))

    def _data(self, data: bytes) -> None:
        head, pieces = self._found[-1]
        if head.filename is None:
            self._left -= len(data)
            if self._left < 0:
                most = self._limits.member_bytes
                message = f"The members of a form that are no files may have {most} bytes"
                raise RequestTooLarge(message, field=head.name, limit_bytes=str(most))
        pieces.append(data)


class _FileSource:
    def __init__(self, reader: _FormReader) -> None:
        self._reader = reader

    async def next(self) -> bytes:
        return await self._reader.more_of_file()


def _boundary_of(content_type: bytes | None) -> bytes:
    media_type, options = parse_options_header((content_type or b"").strip(b" \t"))
    boundary = options.get(b"boundary", b"")
    if media_type != b"multipart/form-data" or not boundary:
        message = "Send multipart/form-data, with its boundary in the content type"
        raise InvalidRequest(message, field="content-type")
    return boundary


def _malformed() -> InvalidRequest:
    return InvalidRequest("The body is not a well-formed multipart/form-data")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
