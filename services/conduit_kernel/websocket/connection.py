"""One WebSocket connection, of either side."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import CONNECTING, OPEN, SERVER, Protocol

from conduit_kernel.http.client import DialedProtocol
from conduit_kernel.http.headers import Fields
from conduit_kernel.http.wake_slot import WakeSlot
from conduit_kernel.websocket.errors import WebSocketClosed
from conduit_kernel.websocket.frames import Message, frame_of, size_of, usual_message
from conduit_kernel.websocket.limits import WebSocketLimits

# What a message costs beside its bytes, so that empty ones are bounded, too.
_MESSAGE_OVERHEAD = 64
_HEAD_END = b"\r\n\r\n"


def fields_of(response: Response) -> Fields:
    """Return the header fields of an answer."""
    return [(k.lower().encode(), v.encode("latin-1")) for k, v in response.headers.raw_items()]


class WebSocket(DialedProtocol):
    """Messages both ways. One task receives; any may send. ``close`` it, always."""

    def __init__(self, limits: WebSocketLimits, loop: asyncio.AbstractEventLoop) -> None:
        self.transport: asyncio.Transport
        self.subprotocol: str | None = None
        # Of the answer to our handshake; names in small letters.
        self.answer_fields: Fields = ()
        self._limits = limits
        self._loop = loop
        self._protocol: Protocol
        self._is_begun = self._is_leaving = self._is_lost = self._is_woken = False
        self._on_lost: Callable[[], None] | None = None
        self._inbox: deque[Message] = deque()
        self._inbox_bytes = 0
        self._slot = WakeSlot(loop)
        # Bytes that no frame that was taken in had: where there are none, a frame begins next.
        self._unread = 0
        self._is_server = self._is_fragmented = self._is_broken = False
        self._opcode = Opcode.BINARY
        self._fragments = bytearray()
        self._heard_at = 0.0
        self._is_reading_paused = self._is_writing_paused = False
        self._unsent = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended = asyncio.Event()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # For everybody.

    async def receive(self) -> Message:
        """Return the next message: text or bytes. Raises WebSocketClosed after the last."""
        while True:
            message = await self.receive_or_wake()
            if message is not None:
                return message

    async def receive_or_wake(self) -> Message | None:
        """Return the next message, or None after a `wake`. Raises as `receive` does."""
        while not self._inbox or self._is_woken:
            if self._is_woken:
                self._is_woken = False
                return None
            if self._is_lost:
                raise self._closed()
            await self._slot
        message = self._inbox.popleft()
        self._inbox_bytes -= len(message) + _MESSAGE_OVERHEAD
        self._adjust_reading()
        return message

    def wake(self) -> None:
        """Have whoever receives look up from it."""
        self._is_woken = True
        self._slot.wake()

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Yield messages up to a clean end; WebSocketClosed at another."""
        while True:
            try:
                message = await self.receive()
            except WebSocketClosed as end:
                if end.is_clean:
                    return
                raise
            yield message

    async def send(self, message: Message) -> None:
        """Send a message, waiting while the peer is slow. Raises WebSocketClosed."""
        if self._is_writing_paused:
            await self._writable.wait()
        if self._protocol.state is not OPEN or self._is_lost:
            if not self._is_lost:
                # How it ends is known in a moment.
                await self._ended.wait()
            raise self._closed()
        if not self.transport.is_closing():
            self.transport.write(frame_of(message, is_masked=not self._is_server))
        if self._is_writing_paused:
            await self._writable.wait()

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Say goodbye and wait, in bounds, until the connection has ended; no effect afterwards."""
        self._is_leaving = True
        if self._protocol.state is OPEN and not self._is_lost:
            self._protocol.send_close(code, reason)
            self._flush()
        self._inbox.clear()
        self._inbox_bytes = 0
        self._adjust_reading()
        self._start("close", self._limits.close_seconds, self.abort)
        await self._ended.wait()

    async def wait_closed(self) -> WebSocketClosed:
        """Wait until the connection has ended, whoever ended it; return how."""
        await self._ended.wait()
        return self._closed()

    def abort(self) -> None:
        """End the connection without a word."""
        self.transport.abort()

    # For the handshakes.

    def begin(self, protocol: Protocol, on_lost: Callable[[], None] | None = None) -> None:
        """Take the state of the connection, which the handshake made or is making."""
        self._protocol = protocol
        self._is_server = protocol.side is SERVER
        self._on_lost = on_lost
        self._is_begun = True
        self.transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        self._heard_at = self._loop.time()
        self._start("ping", self._limits.ping_seconds, self._check_silence)
        if self.transport.is_closing():
            self.connection_lost(None)
        else:
            self._flush()

    async def opened(self) -> None:
        """Wait until the handshake is over, well or not."""
        while self._protocol.state is CONNECTING and not self._is_lost:
            if self._protocol.handshake_exc is not None:
                return
            await self._slot

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Read frames, answer those that require it, wake who receives."""
        if not self._is_begun:
            # Nothing was asked yet.
            self.transport.abort()
            return
        self._heard_at = self._loop.time()
        if self._unread == 0 and (message := self._usual_message(data)) is not None:
            self._keep(message)
        else:
            self._read(data)
        self._adjust_reading()
        self._slot.wake()

    def eof_received(self) -> None:
        """Treat a peer that will send no more as gone; the transport closes itself."""
        if self._is_begun:
            self._protocol.receive_eof()
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End receiving and sending."""
        if self._is_lost or not self._is_begun:
            return
        self._is_lost = True
        self._protocol.receive_eof()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._ended.set()
        self._writable.set()
        if self._on_lost is not None:
            self._on_lost()
        self._slot.wake()

    def pause_writing(self) -> None:
        """Hold senders back, and the peer, too: its pings require answers."""
        self._is_writing_paused = True
        self._writable.clear()
        self._unsent = self.transport.get_write_buffer_size()
        self._start("stall", self._limits.write_stall_seconds, self._check_stall)
        self._adjust_reading()

    def resume_writing(self) -> None:
        """Let senders and the peer go on."""
        self._is_writing_paused = False
        self._stop("stall")
        self._writable.set()
        self._adjust_reading()

    # Frames.

    def _usual_message(self, data: bytes) -> Message | None:
        is_usual = self._protocol.state is OPEN and not self._is_fragmented
        if not is_usual or len(data) > self._limits.message_bytes:
            return None
        return usual_message(data, is_masked=self._is_server)

    def _read(self, data: bytes) -> None:
        """Have the protocol read, and do what it wants to be done."""
        is_new = self._unread == 0
        self._unread += len(data)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if self._is_broken:
                # What came together with what broke it is as if it had come later.
                break
            if isinstance(event, Frame):
                self._unread -= size_of(event, is_masked=self._is_server)
                self._take(event)
            elif isinstance(event, Response):
                self.answer_fields = fields_of(event)
                # Of a head in pieces nobody knows the size: then frames are never the usual ones.
                self._unread -= data.find(_HEAD_END) + len(_HEAD_END) if is_new else 0
        self._flush()

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._opcode = frame.opcode
        elif frame.opcode is not Opcode.CONT:
            return
        self._is_fragmented = not frame.fin
        if not frame.fin:
            self._fragments += frame.data
            return
        data = bytes(self._fragments) + frame.data if self._fragments else bytes(frame.data)
        self._fragments.clear()
        if self._opcode is Opcode.BINARY:
            self._keep(data)
            return
        try:
            self._keep(data.decode())
        except UnicodeDecodeError:
            self._is_broken = True
            if self._protocol.state is OPEN:
                self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")

    def _keep(self, message: Message) -> None:
        if not self._is_leaving:
            self._inbox.append(message)
            self._inbox_bytes += len(message) + _MESSAGE_OVERHEAD

    def _flush(self) -> None:
        """Write what the protocol has to send; watch over the end once it has begun."""
        writes = self._protocol.data_to_send()
        if writes and not self.transport.is_closing():
            # An empty one among them, the last, is the end of what is sent.
            if data := b"".join(writes):
                self.transport.write(data)
            if not writes[-1]:
                self._end_writing()
        if self._protocol.close_expected():
            self._start("close", self._limits.close_seconds, self.abort)

    def _end_writing(self) -> None:
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _adjust_reading(self) -> None:
        """Read while there is room for messages and for the answers to pings."""
        if self._is_lost or self.transport.is_closing():
            return
        must_pause = self._is_writing_paused or self._inbox_bytes > self._limits.buffer_bytes
        if must_pause and not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()
        elif self._is_reading_paused and not must_pause:
            self._is_reading_paused = False
            # What was kept back says nothing about now.
            self._heard_at = self._loop.time()
            self.transport.resume_reading()

    def _closed(self) -> WebSocketClosed:
        protocol = self._protocol
        if protocol.close_rcvd is not None:
            return WebSocketClosed(protocol.close_rcvd.code, protocol.close_rcvd.reason)
        if protocol.close_sent is not None and not self._is_leaving:
            return WebSocketClosed(protocol.close_sent.code, protocol.close_sent.reason)
        return WebSocketClosed(CloseCode.ABNORMAL_CLOSURE, "")

    # Time.

    def _start(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        """Set a timer, unless it is set."""
        if name not in self._timers and not self._is_lost:
            self._timers[name] = self._loop.call_later(seconds, self._run, name, callback)

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _run(self, name: str, callback: Callable[[], None]) -> None:
        del self._timers[name]
        callback()

    def _check_silence(self) -> None:
        """Ping a silent peer; give up one that has not answered."""
        now, seconds = self._loop.time(), self._limits.ping_seconds
        silence = now - self._heard_at
        if self._is_reading_paused or silence < seconds:
            wait = seconds if self._is_reading_paused else seconds - silence
        elif silence >= 2 * seconds:
            self.abort()
            return
        else:
            if self._protocol.state is OPEN:
                self._protocol.send_ping(b"")
                self._flush()
            wait = 2 * seconds - silence
        self._start("ping", max(wait, 0.001), self._check_silence)

    def _check_stall(self) -> None:
        """Give up a peer that takes nothing."""
        unsent = self.transport.get_write_buffer_size()
        if unsent >= self._unsent:
            self.abort()
            return
        self._unsent = unsent
        self._start("stall", self._limits.write_stall_seconds, self._check_stall)
