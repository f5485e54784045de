"""The client's side of the handshake."""

import asyncio
from collections.abc import Sequence
from math import inf

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request
from websockets.protocol import CONNECTING
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from conduit_kernel.http.client import HttpClient
from conduit_kernel.http.errors import ConnectionReset, HeaderTimeout, TotalTimeout
from conduit_kernel.http.headers import Fields
from conduit_kernel.http.heads import FRAMING, field_lines
from conduit_kernel.http.limits import Timeouts
from conduit_kernel.http.origin import Origin
from conduit_kernel.websocket.connection import WebSocket, fields_of
from conduit_kernel.websocket.errors import HandshakeRefused
from conduit_kernel.websocket.limits import WebSocketLimits
from conduit_kernel.websocket.server import SILENT


async def connect(
    client: HttpClient,
    origin: Origin,
    target: str,
    headers: Fields = (),
    *,
    timeouts: Timeouts,
    subprotocols: Sequence[str] = (),
    limits: WebSocketLimits | None = None,
) -> WebSocket:
    """Connect with the client's addresses, certificates and bounds, and shake hands.

    The origin's scheme is http or https. ``connect`` and ``header`` of the timeouts bound the two
    steps, ``total`` both. Raises HttpError of the kinds before the body, and HandshakeRefused.
    """
    limits = limits or WebSocketLimits()
    protocol = _protocol_for(origin, target, subprotocols, limits)
    request = _request_of(protocol, headers)
    loop = asyncio.get_running_loop()
    until = loop.time() + timeouts.total
    socket, release = await client.dial(origin, lambda: WebSocket(limits, loop), timeouts)
    protocol.send_request(request)
    socket.begin(protocol, release)
    seconds = min(timeouts.header, until - loop.time())
    is_late = False
    try:
        async with asyncio.timeout(None if seconds == inf else seconds):
            await socket.opened()
        _check(protocol, origin)
    except TimeoutError:
        is_late = True
        socket.abort()
    except BaseException:
        socket.abort()
        raise
    if is_late:
        # Not above: asyncio's error refers to this task, which may end with what is raised.
        late = f"{origin.host} did not shake hands in time"
        raise (HeaderTimeout if seconds == timeouts.header else TotalTimeout)(late)
    socket.subprotocol = protocol.subprotocol
    return socket


def _protocol_for(
    origin: Origin, target: str, subprotocols: Sequence[str], limits: WebSocketLimits
) -> ClientProtocol:
    path, _, query = target.partition("?")
    if not target.isascii() or not target.isprintable() or " " in target or path[:1] != "/":
        raise ValueError("a target is a path of plain ASCII without blanks")
    return ClientProtocol(
        WebSocketURI(origin.scheme == "https", origin.host, origin.port, path, query),
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        max_size=limits.message_bytes,
        logger=SILENT,
    )


def _request_of(protocol: ClientProtocol, headers: Fields) -> Request:
    # ValueError if one would break the head.
    field_lines(headers)
    request = protocol.connect()
    for name, value in headers:
        if name not in FRAMING:
            request.headers[name.decode("latin-1")] = value.decode("latin-1")
    return request


def _check(protocol: ClientProtocol, origin: Origin) -> None:
    """Raise what became of a handshake that did not go well."""
    problem = protocol.handshake_exc
    if isinstance(problem, InvalidStatus):
        response = problem.response
        message = f"{origin.host} refused the WebSocket with status {response.status_code}"
        raise HandshakeRefused(
            message, response.status_code, fields_of(response), bytes(response.body or b"")
        )
    is_cut = problem is not None and isinstance(problem.__cause__, EOFError)
    if is_cut or (problem is None and protocol.state is CONNECTING):
        raise ConnectionReset(f"{origin.host} ended the connection before answering")
    if problem is not None:
        raise HandshakeRefused(f"{origin.host} did not shake hands as it should", 0) from problem
