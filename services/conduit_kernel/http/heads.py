"""Heads of answers and requests as bytes, safe against injected lines."""

from http import HTTPStatus

from conduit_kernel.http.headers import Fields
from conduit_kernel.http.request import Request

# Framing belongs to this package: what callers pass under these names is left out.
FRAMING = frozenset(
    (
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)

# Statuses below are interim: another head follows them.
FIRST_FINAL = 200
LAST_STATUS = 999

STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
    if status >= FIRST_FINAL
}

NO_CONTENT = frozenset((204, 304))


def status_line(status: int) -> bytes:
    """Make the first line of an answer. Interim statuses (1xx) are no answers: ValueError."""
    line = STATUS_LINES.get(status)
    if line is None:
        if not FIRST_FINAL <= status <= LAST_STATUS:
            raise ValueError(f"not a final status: {status}")
        line = b"HTTP/1.1 %d -\r\n" % status
    return line


def field_lines(fields: Fields) -> bytes:
    """Make lines of the fields, each ended, framing left out.

    Raises ValueError if a name or value would add a line of its own. Names are in lower case.
    """
    lines = [b": ".join(field) for field in fields if field[0] not in FRAMING]
    if not lines:
        return b""
    text = b"".join(lines)
    if b"\n" in text or b"\r" in text or b"\0" in text:
        raise ValueError("a header field holds a line break or a NUL")
    lines.append(b"")
    return b"\r\n".join(lines)


def without_upgrade(request: Request, url: bytes) -> bytes:
    """Write a head anew that offers another protocol, without its offer."""
    kept = [
        b"%b: %b\r\n" % field
        for field in request.headers.items()
        if field[0] not in (b"upgrade", b"connection", b"http2-settings")
    ]
    version = b"1.1" if request.http11 else b"1.0"
    connection = b"keep-alive" if request.keep_alive else b"close"
    line = b"%b %b HTTP/%b\r\nconnection: %b\r\n" % (
        request.method.encode(),
        url,
        version,
        connection,
    )
    return b"".join((line, *kept, b"\r\n"))
