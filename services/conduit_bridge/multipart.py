"""`multipart/form-data` bodies: https://www.rfc-editor.org/rfc/rfc7578.

The body is whole and bounded before it comes here; this bounds the number of parts.
"""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from conduit.v1.http_runtime import Part
from conduit_kernel.errors import InvalidRequest

MAX_PARTS = 1000


def parts_of(content_type: bytes | None, body: bytes) -> list[Part]:
    """Return the parts of a form in order. InvalidRequest if it is none, or has too many parts."""
    media_type, options = parse_options_header((content_type or b"").strip(b" \t"))
    boundary = options.get(b"boundary", b"")
    if media_type != b"multipart/form-data" or not boundary:
        message = "Send multipart/form-data, with its boundary in the content type"
        raise InvalidRequest(message, field="content-type")
    collector = _Collector()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.begin,
                "on_header_field": collector.header_name,
                "on_header_value": collector.header_value,
                "on_header_end": collector.header_end,
                "on_part_data": collector.part_data,
                "on_part_end": collector.part_end,
                "on_end": collector.end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequest("The body is not a well-formed multipart/form-data") from error
    if not collector.is_whole:
        raise InvalidRequest("The form breaks off before its last boundary")
    return collector.parts


class _Collector:
    """Takes the parser's callbacks, which come in the order of the bytes."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.is_whole = False
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value = b""
        self._data: list[bytes] = []

    def begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise InvalidRequest(f"A form may have at most {MAX_PARTS} parts")
        self._headers = {}
        self._data = []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def part_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise InvalidRequest("Each part of a form needs a name in its content-disposition")
        filename = options.get(b"filename")
        self.parts.append(
            Part(
                # Brackets are how some clients spell lists.
                name=_text(name).removesuffix("[]"),
                filename=None if filename is None else _text(filename),
                content_type=_text(self._headers.get(b"content-type", b"")),
                body=b"".join(self._data),
            )
        )

    def end(self) -> None:
        self.is_whole = True


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
