"""Builds the RPC metadata of an HTTP request: credentials, request id, address."""

import re
from urllib.parse import unquote_to_bytes

from conduit_bridge.login.cookies import session_of
from conduit_kernel.auth import CERTIFICATE_HEADER
from conduit_kernel.http import Exchange, Request
from conduit_kernel.ids import IdSource

Metadata = tuple[tuple[str, str], ...]

# How a page's WebSocket, which can set no header, says its key to OpenAI.
_BROWSERS_KEY = re.compile(rb"(?:^|[,\s])openai-insecure-api-key\.([\x21\x23-\x2b\x2d-\x7e]+)")
# How scripts say it to Google; no log has queries.
_KEY_IN_QUERY = re.compile(r"(?:^|&)key=([^&]+)")
_GOOGLES = "/v1beta/"
_SANE_ID = re.compile(rb"[\x21-\x7e]{1,128}")


def request_id_of(request: Request, ids: IdSource) -> str:
    """Return the id by which a request is known: the caller's own if it is sane, else a new one."""
    given = request.fields.get(b"x-request-id")
    if given is not None and _SANE_ID.fullmatch(given := given.strip(b" \t")):
        return given.decode()
    return f"req_{ids.next()}"


def credentials_of(request: Request) -> dict[str, str]:
    """Return the credentials of the caller, by the names that they have as metadata."""
    fields = request.fields
    found: dict[str, str] = {}
    if b"authorization" in fields:
        found["authorization"] = text_of(fields[b"authorization"])
    elif b"x-api-key" in fields:
        # Where Anthropic's clients have it.
        found["authorization"] = f"Bearer {text_of(fields[b'x-api-key'])}"
    elif b"x-goog-api-key" in fields:
        # Where Google's have it.
        found["authorization"] = f"Bearer {text_of(fields[b'x-goog-api-key'])}"
    elif b"api-key" in fields:
        # Where Azure's have it.
        found["authorization"] = f"Bearer {text_of(fields[b'api-key'])}"
    elif request.path.startswith(_GOOGLES) and (asked := _KEY_IN_QUERY.search(request.query)):
        found["authorization"] = f"Bearer {text_of(unquote_to_bytes(asked[1]))}"
    elif (key := _BROWSERS_KEY.search(fields.get(b"sec-websocket-protocol", b""))) is not None:
        found["authorization"] = f"Bearer {key[1].decode()}"
    elif b"cookie" in fields and (session := session_of(request)):
        found["authorization"] = f"Bearer {session}"
    if b"x-master-key" in fields:
        found["x-master-key"] = text_of(fields[b"x-master-key"])
    if request.certificate:
        found[CERTIFICATE_HEADER] = request.certificate
    return found


def metadata_of(
    exchange: Exchange, request_id: str, vouched_by: Metadata, traced: Metadata = ()
) -> Metadata:
    """Return credentials, request id and address of the caller, and who vouches for the address.

    `traced` says which trace it is of.
    """
    return (
        *vouched_by,
        *traced,
        *credentials_of(exchange).items(),
        ("x-request-id", request_id),
        ("x-conduit-peer", exchange.peer),
    )


def text_of(value: bytes) -> str:
    """Return a field as metadata may hold it: ASCII, what is not replaced by a question mark."""
    text = value.strip(b" \t").decode("latin-1")
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
