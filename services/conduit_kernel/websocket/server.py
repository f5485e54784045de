"""The server's side of the handshake."""

import asyncio
import logging
from collections.abc import Sequence

from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from conduit_kernel.http.exchange import Exchange
from conduit_kernel.http.headers import Fields
from conduit_kernel.http.heads import field_lines
from conduit_kernel.websocket.connection import WebSocket
from conduit_kernel.websocket.errors import HandshakeRefused
from conduit_kernel.websocket.limits import WebSocketLimits

# The core tells the log of every connection; our callers have their own lines.
SILENT = logging.Logger("websocket", logging.CRITICAL + 1)  # noqa: LOG001 - of nobody's tree
_ACCEPTED = 101
_BAD_REQUEST = 400
_UPGRADE_REQUIRED = 426


def accept(
    exchange: Exchange,
    *,
    headers: Fields = (),
    subprotocols: Sequence[str] = (),
    limits: WebSocketLimits | None = None,
    lines: bytes = b"",
) -> WebSocket:
    """Answer a handshake and take its connection over.

    `lines` are more headers, as `field_lines` writes them.

    Of the subprotocols the caller's first that is among ours is chosen. ValueError on headers that
    hold line breaks. Raises HandshakeRefused, having answered, where the request is no handshake
    that this protocol allows.
    """
    limits = limits or WebSocketLimits()
    more = lines + field_lines(headers)

    def select(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((name for name in offered if name in subprotocols), None)

    protocol = ServerProtocol(
        select_subprotocol=select,
        max_size=limits.message_bytes,
        logger=SILENT,
    )
    protocol.receive_data(_head_of(exchange))
    events = protocol.events_received()
    if not events:
        # The core reads no field of more than 8 KiB.
        _refuse(exchange, _BAD_REQUEST, b"A field of the handshake is too long.\n")
    request = events[0]
    assert isinstance(request, Request)  # noqa: S101 - a head of ours is read as one
    response = protocol.accept(request)
    if response.status_code != _ACCEPTED or not exchange.upgrade_offered:
        _refuse(exchange, response.status_code, bytes(response.body or b""))
    protocol.send_response(response)
    transport, rest = exchange.upgrade()
    # The lines come before the blank one that ends the head.
    head = protocol.writes.pop(0)
    protocol.writes.insert(0, head[:-2] + more + b"\r\n")
    socket = WebSocket(limits, asyncio.get_running_loop())
    socket.connection_made(transport)
    transport.set_protocol(socket)
    socket.subprotocol = protocol.subprotocol
    socket.begin(protocol)
    if rest:
        socket.data_received(rest)
    return socket


def _head_of(exchange: Exchange) -> bytes:
    """Return a head with what a handshake is about, and nothing else that its caller sends."""
    lines = [
        b"%b: %b\r\n" % (name, value)
        for name, value in exchange.headers.items()
        if name in _READ or name.startswith(b"sec-websocket-")
    ]
    return b"GET / HTTP/1.1\r\n%b\r\n" % b"".join(lines)


_READ = frozenset((b"connection", b"upgrade"))


def _refuse(exchange: Exchange, status: int, text: bytes) -> None:
    version = exchange.headers.get(b"sec-websocket-version")
    if status == _ACCEPTED or version not in (None, b"13"):
        status = _UPGRADE_REQUIRED
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"sec-websocket-version", b"13")]
    exchange.respond(status, fields, text)
    raise HandshakeRefused("the request is no WebSocket handshake", status)
