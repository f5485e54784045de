"""What sessions and uploads need of a connection, whatever its protocol."""

from typing import Protocol

from conduit_kernel.http import Fields

Message = str | bytes


class MessageSocket(Protocol):
    """Messages both ways. One task receives; any may send. ``close`` it, always."""

    @property
    def answer_fields(self) -> Fields:
        """Return the header fields of the answer, as far as they are there."""
        ...

    async def receive(self) -> Message:
        """Return the next message. Raises WebSocketClosed after the last."""
        ...

    async def receive_or_wake(self) -> Message | None:
        """Return the next message, or None after a `wake`. Raises as `receive` does."""
        ...

    def wake(self) -> None:
        """Have whoever receives look up from it."""
        ...

    async def send(self, message: Message) -> None:
        """Send a message, waiting while the peer is slow. Raises WebSocketClosed."""
        ...

    async def close(self) -> None:
        """Say goodbye and wait, in bounds, until the connection has ended."""
        ...

    def abort(self) -> None:
        """End the connection without a word."""
        ...
