"""Connections of proxies that say in a preface for whom each is."""

import asyncio
from collections.abc import Callable
from typing import cast

from conduit_kernel.http.caller import peer_address
from conduit_kernel.http.connection import ServerConnection
from conduit_kernel.http.errors import ProtocolViolation
from conduit_kernel.http.proxy_protocol import read_preface
from conduit_kernel.trusted_proxies import TrustedProxies


class PrefacedConnection(asyncio.Protocol):
    """A proxy's connection, until the preface that says for whom the rest of it is.

    Whether there is one is never guessed: a trusted proxy has to send it, and nobody else may. The
    connection is counted from its beginning, and has the time of a first head.
    """

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it in."""
        self._transport = cast(asyncio.Transport, transport)
        self._connection.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand over to HTTP behind the preface; cut what does not begin with one."""
        self._received += data
        try:
            preface = read_preface(self._received)
        except ProtocolViolation:
            self._connection.abort()
            return
        if preface is None or self._transport.is_closing():
            return
        connection, rest = self._connection, self._received[preface.size :]
        connection.peer = preface.source or connection.peer
        self._transport.set_protocol(connection)
        if rest:
            connection.data_received(rest)

    def eof_received(self) -> None:
        """Treat a proxy that will send no more as gone."""

    def pause_writing(self) -> None:
        """Pass on what is about a refusal that is being sent."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on likewise."""
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it out."""
        self._connection.connection_lost(exc)


def preface_first(
    trusted: TrustedProxies, make: Callable[[], ServerConnection]
) -> Callable[[], asyncio.Protocol]:
    """Return what makes connections that look at who has connected before they speak HTTP."""
    return lambda: _Doorkeeper(trusted, make())


class _Doorkeeper(asyncio.Protocol):
    """A connection of which not even the peer is known yet."""

    def __init__(self, trusted: TrustedProxies, connection: ServerConnection) -> None:
        self._trusted = trusted
        self._connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make it a proxy's, or a caller's."""
        is_proxy = self._trusted.trusts(peer_address(transport))
        chosen = PrefacedConnection(self._connection) if is_proxy else self._connection
        cast(asyncio.Transport, transport).set_protocol(chosen)
        chosen.connection_made(transport)
