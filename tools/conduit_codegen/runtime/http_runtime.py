"""What the generated HTTP routes share: their form, and readers and writers of what is not JSON."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias
from urllib.parse import quote

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1 import options_pb2
from conduit.v1 import well_known_runtime as well_known
from conduit.v1.form_pb2 import Form
from conduit.v1.json_runtime import JsonError, hint

_BARE_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)
# With the byte order mark that some editors put before all.
_BLANKS = b" \t\r\n\xef\xbb\xbf"
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Headers(Protocol):
    """The headers of a request; names are lower-case."""

    def get(self, name: bytes, /) -> bytes | None:
        """Return a header's value, or None."""
        ...


class Segment(NamedTuple):
    """A segment of a path: literal text, or a parameter's name.

    A parameter may take the path's rest, up to a verb behind its last colon.
    """

    text: str
    is_parameter: bool = False
    takes_rest: bool = False
    verb: str = ""


Path: TypeAlias = Mapping[str, str]
Query: TypeAlias = Sequence[tuple[str, str]]


class Route(NamedTuple):
    """An RPC as it is served over HTTP.

    - `path` is the template, such as `/api/providers/{id}`; `segments` is the same, parsed.
    - `service` and `rpc` name the RPC, such as `RegistryService` and `CreateProvider`.
    - `chosen_by` is the boolean member of the body that chooses this route over its twin at the
      same path; empty where there is none. `chosen_by_header` is the header that does.
    - `client_streaming` if the RPC takes several messages, of which `read` or `read_form` makes
      the first.
    - `max_body_bytes` is 0 for the server's default.
    - `read` makes the request message of path parameters, query, headers and body; None where
      only forms are taken. Raises JsonError and MalformedJson.
    - `read_form` is the same for a form; None where none is taken.
    - `read_frame` makes a message of a WebSocket's text; None for other routes.
    - `chunk` makes a message of the place of a file in a form and some of its bytes; None where
      the form itself has them.
    - `write` makes the body of an answer, or of one message of a stream; empty where there is
      nothing to send. Raises JsonError where a message holds raw JSON that is none.
    - `media_type` is what `write` writes; empty where the answer has no body.
    - `media_type_of`, where there is one, tells it from an answer, or the first message of a
      stream, instead; it returns None where the message does not say.
    - `write_report` makes the `x-conduit-*` headers of an answer, or of a stream's first message,
      as the lines of a head.
    """

    verb: str
    path: str
    segments: tuple[Segment, ...]
    service: str
    rpc: str
    access: options_pb2.Access.ValueType
    dialect: options_pb2.Dialect.ValueType
    success_status: int
    framing: options_pb2.Framing.ValueType
    chosen_by: str
    chosen_by_header: str
    client_streaming: bool
    max_body_bytes: int
    # Any: each takes or makes the messages of its own RPC.
    read: Callable[[Path, Query, Headers, bytes], Any] | None
    read_form: Callable[[Path, Query, Headers, Form], Any] | None
    read_frame: Callable[[bytes], Any] | None
    chunk: Callable[[int, bytes], Any] | None
    write: Callable[[Any], bytes]
    media_type: bytes
    media_type_of: Callable[[Any], bytes | None] | None
    write_report: Callable[[Any], bytes]


def no_report(_: Message) -> bytes:
    """Return the header lines of an answer that has no report."""
    return b""


def no_body(_: Message) -> bytes:
    """Return the body of an empty answer."""
    return b""


def refuse_parameter(name: str, known: Collection[str]) -> NoReturn:
    """Raise the JsonError of a query parameter that the route does not have."""
    raise JsonError(name, "is not a parameter of this path" + hint(name, known))


def refuse_parameters(query: Query) -> None:
    """Refuse any query parameter: the route has none."""
    for name, _ in query:
        refuse_parameter(name, ())


def boolean(value: str, name: str) -> bool:
    """Read `true` or `false` from a parameter or header."""
    found = _BOOLEANS.get(value.lower())
    if found is None:
        raise JsonError(name, "must be true or false")
    return found


def fill_timestamp(message: Timestamp, value: str, name: str) -> None:
    """Read a time from a parameter; a space is a plus that was not escaped."""
    well_known.fill_timestamp(message, value.replace(" ", "+"), name)


def fill_duration(message: Duration, value: str, name: str) -> None:
    """Read a duration from a parameter or header, such as `30s` or `30`."""
    seconds = value + "s" if _BARE_SECONDS.fullmatch(value) else value
    well_known.fill_duration(message, seconds, name)


def is_document(headers: Headers, body: bytes, language: bytes) -> bool:
    """Return whether a body is a text in this language itself, rather than JSON with it.

    Its media type says so. Tools that send files name none, or one that they name for all files.
    """
    media_type = (headers.get(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media_type.endswith(b"json"):
        return False
    text = body.lstrip(_BLANKS)
    return media_type.endswith(language) or (bool(text) and not text.startswith(b"{"))


def document_text(body: bytes, name: str) -> str:
    """Read a body that is a text."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonError(name, f"must be UTF-8, which it is not at position {error.start}") from None


def first_header(headers: Headers, names: Collection[bytes]) -> bytes | None:
    """Return the value of the first of several headers that is there."""
    values = (headers.get(name) for name in names)
    return next((value for value in values if value is not None), None)


def header_text(value: bytes) -> str:
    """Read a header's value."""
    return value.decode("latin-1").strip()


def header_list(value: bytes) -> list[str]:
    """Read a header's values, between commas."""
    return [text for each in header_text(value).split(",") if (text := each.strip())]


def etag(value: bytes) -> str:
    """Read the one etag of an `If-Match`; empty for `*`, which every state matches."""
    text = header_text(value)
    return "" if text == "*" else text.removeprefix("W/").strip('"')


def etag_line(value: str) -> bytes:
    """Return the header line that tells the etag of what an answer shows."""
    return b'etag: "%b"\r\n' % value.encode() if value else b""


def is_plain(value: str) -> bool:
    """Return whether a header can carry a text as it is."""
    return value.isascii() and value.isprintable()


def safe(value: str) -> str:
    """Return a text as a header can carry it: percent-encoded, where it is not plain."""
    return value if is_plain(value) else quote(value, safe=_PRINTABLE, errors="replace")
