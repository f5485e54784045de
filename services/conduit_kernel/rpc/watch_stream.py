"""The client's side of a `Watch` RPC: one message at a time, over as many streams as it takes."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar, cast

import grpc

from conduit_kernel.errors import ConduitError, ServiceUnavailable

# Three signs of life missed: the stream is dead though the connection may not be.
SILENCE_SECONDS = 45.0

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class WatchStream(Generic[RequestT, ResponseT]):
    """Opens a stream when it is read, and closes it when reading fails, so that it opens anew."""

    def __init__(
        self,
        open_call: Callable[[], "grpc.aio.UnaryStreamCall[RequestT, ResponseT]"],
        silence_seconds: float | None = SILENCE_SECONDS,
    ) -> None:
        """Take what begins a call, and how long it may be silent; None for as long as it likes."""
        self._open = open_call
        self._silence_seconds = silence_seconds
        self._call: grpc.aio.UnaryStreamCall[RequestT, ResponseT] | None = None

    async def read(self) -> ResponseT:
        """Return the next message.

        RpcError, TimeoutError or ServiceUnavailable if none comes, ConduitError if it makes no
        sense; then the next read begins anew.
        """
        call = self._call
        if call is None:
            call = self._call = self._open()
        try:
            async with asyncio.timeout(self._silence_seconds):
                message = _checked(await call.read())
        except BaseException:
            self.close()
            raise
        return cast("ResponseT", message)

    def close(self) -> None:
        """End the stream, if there is one; nobody may be reading."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()


def _checked(message: object) -> object:
    if message is grpc.aio.EOF:
        raise ServiceUnavailable("The stream has ended")
    # So gRPC says that it could not read one.
    if message is None:
        raise ConduitError("The stream brought what is no message")
    return message
