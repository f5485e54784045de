"""Holds sessions over WebSockets, whose events are JSON both ways."""

from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from conduit_kernel.http import Exchange, Field
from conduit_kernel.websocket import HandshakeRefused, WebSocketClosed, accept

Json = dict[str, Any]


class Session(Protocol):
    """Answers a caller's events."""

    is_over: bool

    def opening(self) -> Iterator[Json]:
        """Yield what begins the session."""
        ...

    def hear(self, event: Json) -> Iterator[Json]:
        """Yield what answers an event."""
        ...


async def hold(exchange: Exchange, fields: tuple[Field, ...], session: Session) -> None:
    """Hold a session until either side ends it."""
    try:
        socket = accept(exchange, headers=fields)
    except HandshakeRefused:
        # It was answered.
        return
    try:
        for event in session.opening():
            await socket.send(orjson.dumps(event).decode())
        while not session.is_over:
            for answer in session.hear(_read(await socket.receive())):
                await socket.send(orjson.dumps(answer).decode())
    except WebSocketClosed:
        pass
    finally:
        await socket.close()


def _read(message: str | bytes) -> Json:
    """Return an event; nothing for what is none."""
    try:
        event = orjson.loads(message)
    except orjson.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}
