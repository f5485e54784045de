"""Makes calls over WebSockets and such, as the steps of jobs that they are.

An upload goes out in frames while messages come in; those are the answer, and its end is theirs.
"""

import asyncio
from collections.abc import Iterable
from copy import copy
from math import inf
from typing import NamedTuple

from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import (
    BodyCut,
    Headers,
    HttpError,
    IdleTimeout,
    Response,
    Timeouts,
    TotalTimeout,
    Upload,
)
from conduit_kernel.http.upload import UploadReader, failure_of
from conduit_kernel.websocket import WebSocketClosed
from conduit_providers.grpc_codec import framed
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import HttpResponse, SocketExchange, SocketFrame, SocketRequest
from conduit_router.jobs.message_source import MessageSource, whole_answer
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_sockets import GrpcSocket
from conduit_router.upstream.message_socket import MessageSocket
from conduit_router.upstream.transport import Transport
from conduit_router.upstream.transport_errors import raise_upload

# What a dialect sees of an upload before it builds the handshake.
HEAD_BYTES = 64 * 1024
# How far ahead of its own time sound is sent.
LEAD_SECONDS = 5.0


class _Begun(NamedTuple):
    exchange: SocketExchange
    response: Response


class SocketCalls:
    """Makes calls over sockets that the transport opens, each within its times."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def ask(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: SocketRequest,
        timeouts: Timeouts,
    ) -> tuple[HttpResponse, Headers]:
        """Return all messages that answer an upload, and the handshake's header fields.

        UpstreamError, by class, if it fails.
        """
        exchange, response = await self._begin(upstream, spec, request, timeouts)

        def explain(_: HttpError, messages: bytes) -> None:
            # What it said before it ended may be why.
            exchange.check(messages)

        return await whole_answer(response, upstream, explain)

    async def open(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: SocketRequest,
        timeouts: Timeouts,
    ) -> Response:
        """Begin an upload and return its answer, whose messages are still to come.

        UpstreamError, by class, if that fails. Close what is returned, always.
        """
        return (await self._begin(upstream, spec, request, timeouts)).response

    async def _begin(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: SocketRequest,
        timeouts: Timeouts,
    ) -> _Begun:
        reader, head = await _opened(request.upload)
        exchange = request.begin(head)
        socket = await self._transport.open_socket(upstream, spec, exchange.handshake, timeouts)
        response = _Sending(socket, exchange, reader, timeouts).open(head)
        response.redactor = upstream.redactor.answers
        return _Begun(exchange, response)


class _Sending(MessageSource):
    """Sends an upload, and reads the messages that come meanwhile."""

    def __init__(
        self,
        socket: MessageSocket,
        exchange: SocketExchange,
        reader: UploadReader,
        timeouts: Timeouts,
    ) -> None:
        super().__init__(timeouts)
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._exchange = exchange
        self._reader = reader
        self._began = self._sent_at = self._loop.time()
        # Of the sound that was sent, in seconds.
        self._sounded = 0.0
        self._is_sent = False
        self._is_call = isinstance(socket, GrpcSocket)
        # What was wrong with what is sent.
        self._failure: HttpError | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def open(self, head: bytes) -> Response:
        """Return the response, and begin to send and to read."""
        self.begin(Headers.of(list(self._socket.answer_fields)))
        self._tasks = (
            asyncio.create_task(self._send(head)),
            asyncio.create_task(self._receive()),
        )
        return self.response

    def drop(self) -> None:
        """End the connection."""
        for task in self._tasks:
            task.cancel()
        self._socket.abort()

    async def _send(self, head: bytes) -> None:
        try:
            data = head
            while data:
                await self._pass(self._exchange.frames(data))
                data = await self._reader.next()
            await self._pass(self._exchange.end())
            if isinstance(self._socket, GrpcSocket):
                await self._socket.finish()
        except WebSocketClosed:
            # How the connection ended is told to who receives.
            return
        except Exception as error:  # noqa: BLE001 # whatever it is, the answer fails with it
            # Without what it was raised through, which has this.
            self._failure = copy(failure_of(error))
            self._socket.abort()
        else:
            self._is_sent = True

    async def _pass(self, frames: Iterable[SocketFrame]) -> None:
        """Send frames, no faster than the provider takes them, nor than their sound is heard."""
        for frame in frames:
            ahead = self._sounded - LEAD_SECONDS - (self._loop.time() - self._began)
            if ahead > 0:
                await asyncio.sleep(ahead)
            await self._socket.send(frame.data)
            self._sounded += frame.seconds
            self._sent_at = self._loop.time()

    async def _receive(self) -> None:
        error: HttpError | None = None
        total = self.timeouts.total
        try:
            async with asyncio.timeout(None if total == inf else total):
                while (message := await self._next()) is not None:
                    # Messages of calls may be empty, and have no ends of their own.
                    self.add(framed((message,)) if self._is_call else message)
        except TimeoutError:
            error = TotalTimeout("the answer took longer than it may")
        except HttpError as failure:
            error = failure
        except Exception as fault:  # noqa: BLE001 # whatever it is, the answer ends with it
            error = BodyCut(f"the messages could not be read: {fault}")
        self._tasks[0].cancel()
        self._socket.abort()
        self.finish(error)

    async def _next(self) -> bytes | None:
        """Return the next message, None after the last. HttpError if the connection breaks."""
        await self.until_wanted()
        idle = self.timeouts.idle
        while True:
            try:
                async with asyncio.timeout(idle):
                    message = await self._socket.receive()
            except TimeoutError:
                if self._loop.time() - self._sent_at >= idle:
                    raise IdleTimeout("no message came in time") from None
            except WebSocketClosed as end:
                self._check_end(end)
                return None
            else:
                return message.encode() if isinstance(message, str) else message

    def _check_end(self, end: WebSocketClosed) -> None:
        """Raise HttpError unless all was sent, and answered, before the connection ended."""
        if self._failure is not None:
            raise copy(self._failure)
        if not (end.is_clean and self._is_sent):
            raise BodyCut(f"the WebSocket was closed with code {end.code}") from end


async def _opened(upload: Upload) -> tuple[UploadReader, bytes]:
    """Return a pass over an upload, and its first bytes."""
    head = bytearray()
    try:
        reader = await upload.open()
        while len(head) < HEAD_BYTES and (data := await reader.next()):
            head += data
    except UpstreamError:
        raise
    except Exception as error:  # noqa: BLE001 # whatever the caller's side fails with
        raise_upload(failure_of(error))
    return reader, bytes(head)
