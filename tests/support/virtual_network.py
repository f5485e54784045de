"""A network within one event loop, in virtual time: connections are pairs of sockets."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from tests.support.virtual_time import VirtualLoop

FIRST_PORT = 10_000
Factory = Callable[[], asyncio.BaseProtocol]


class _Listener:
    """Stands for a listening socket, and for the server of it."""

    def __init__(self, listeners: dict[int, Factory], port: int) -> None:
        self.sockets = [self]
        self._listeners = listeners
        self._port = port

    def getsockname(self) -> tuple[str, int]:
        """Return the address."""
        return "127.0.0.1", self._port

    def close(self) -> None:
        """Take no more connections."""
        self._listeners.pop(self._port, None)


class VirtualNetwork(VirtualLoop):
    """Connects clients to servers of this loop, and refuses all other addresses."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, Factory] = {}
        self._next_port = FIRST_PORT

    async def create_server(self, factory: Factory, *_: object, **__: object) -> Any:  # type: ignore[override] # noqa: ANN401 # as far as HttpServer needs it
        """Listen on a port of its own."""
        self._next_port += 1
        self._listeners[self._next_port] = factory
        return _Listener(self._listeners, self._next_port)

    async def create_connection(  # type: ignore[override] # as far as Dialer needs it
        self, factory: Factory, host: str = "", port: int = 0, **_: object
    ) -> Any:  # noqa: ANN401 # as the loop has it
        """Connect to who listens. ConnectionRefusedError if nobody does."""
        listener = self._listeners.get(port)
        if listener is None:
            raise ConnectionRefusedError(f"nobody listens at {host}:{port}")
        near, far = socket.socketpair()
        near.setblocking(False)  # noqa: FBT003 # the standard library's
        far.setblocking(False)  # noqa: FBT003 # as above
        await self.connect_accepted_socket(listener, far)
        return await super().create_connection(factory, sock=near)
