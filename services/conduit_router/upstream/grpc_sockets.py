"""Calls of gRPC that stream both ways, as connections with messages both ways."""

import asyncio
from collections import deque
from contextlib import suppress
from copy import copy
from typing import Any

import grpc
from websockets.frames import CloseCode

from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import Fields
from conduit_kernel.http.wake_slot import WakeSlot
from conduit_kernel.websocket import WebSocketClosed
from conduit_providers.spec import ProviderSpec
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_connector import Connected
from conduit_router.upstream.grpc_endings import CallFailed, failure_of, fields_of
from conduit_router.upstream.message_socket import Message

# Messages that nobody has taken yet, above which no more are read.
MAX_WAITING = 64
# How long a provider may take to end a call that is over on this side.
CLOSE_SECONDS = 1.0
# What writing to a call raises that has ended.
_ENDED = (
    grpc.aio.AioRpcError,
    grpc.aio.InternalError,
    grpc.aio.UsageError,
    asyncio.InvalidStateError,
)


class GrpcSocket:
    """One call. A message of either side is a message of the call, serialized.

    It ends well with the status OK, which is close code 1000; with any other as CallFailed.
    """

    def __init__(
        self, connected: Connected, method: str, spec: ProviderSpec, upstream: UpstreamTarget
    ) -> None:
        """Begin the call; what is wrong with it shows when somebody receives."""
        self.answer_fields: Fields = ()
        self._spec = spec
        self._upstream = upstream
        self._slot = WakeSlot(asyncio.get_running_loop())
        self._inbox: deque[bytes] = deque()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_woken = False
        self._is_whole = False
        self._failure: UpstreamError | None = None
        # A call takes one message at a time.
        self._turn = asyncio.Lock()
        # Without serializers messages are bytes.
        begin: Any = connected.channel.stream_stream(method)
        self._call = begin(metadata=connected.metadata)
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(self._wake_reader)

    async def receive(self) -> bytes:
        """Return the next message. Raises WebSocketClosed after the last."""
        while (message := await self.receive_or_wake()) is None:
            pass
        return message

    async def receive_or_wake(self) -> bytes | None:
        """Return the next message, or None after a `wake`. Raises as `receive` does."""
        while not self._inbox or self._is_woken:
            if self._is_woken:
                self._is_woken = False
                return None
            if self._reading.done():
                raise self._closed()
            await self._slot
        message = self._inbox.popleft()
        self._has_room.set()
        return message

    def wake(self) -> None:
        """Have whoever receives look up from it."""
        self._is_woken = True
        self._slot.wake()

    async def send(self, message: Message) -> None:
        """Send a message, waiting while the provider is slow. Raises WebSocketClosed."""
        data = message.encode() if isinstance(message, str) else message
        async with self._turn:
            try:
                await self._call.wait_for_connection()
                # `write` would put an error of gRPC's own in the place of the provider's status.
                await self._call._cython_call.send_serialized_message(data)  # noqa: SLF001
            except _ENDED:
                # How it ended is told by what is read.
                await asyncio.wait([self._reading])
                raise self._closed() from None

    async def finish(self) -> None:
        """Say that nothing more is sent; no effect on a call that has ended."""
        async with self._turn:
            with suppress(*_ENDED):
                await self._call.done_writing()

    async def close(self) -> None:
        """End the call, and wait, in bounds, until the provider has."""
        self._inbox.clear()
        self._has_room.set()
        if not self._reading.done():
            await self.finish()
            await asyncio.wait([self._reading], timeout=CLOSE_SECONDS)
        self.abort()

    def abort(self) -> None:
        """End the call without a word."""
        self._call.cancel()
        self._reading.cancel()

    async def _read(self) -> None:
        try:
            while (message := await self._call.read()) is not grpc.aio.EOF:
                self._inbox.append(message)
                self._slot.wake()
                if len(self._inbox) > MAX_WAITING:
                    self._has_room.clear()
                await self._has_room.wait()
            self.answer_fields = fields_of(await self._call.initial_metadata())
            # Where a call has no more messages, its status may still say that it failed.
            self._is_whole = await self._call.code() is grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            self._failure = failure_of(error, self._spec, self._upstream)

    def _wake_reader(self, _: object) -> None:
        self._slot.wake()

    def _closed(self) -> WebSocketClosed:
        """Return how the call ended."""
        if self._failure is not None:
            # What was raised refers to all who were told.
            return CallFailed(copy(self._failure))
        code = CloseCode.NORMAL_CLOSURE if self._is_whole else CloseCode.ABNORMAL_CLOSURE
        return WebSocketClosed(code, "")
