"""A session at a provider, from its handshake to its end."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from copy import copy

import msgspec
from websockets.frames import CloseCode

from conduit.v1.converse_requests_pb2 import (
    SESSION_END_REASON_CALLER,
    SESSION_END_REASON_EXPIRED,
    SESSION_END_REASON_IDLE,
    SESSION_END_REASON_PROVIDER,
    SESSION_END_REASON_UNSPECIFIED,
    SessionEndReason,
)
from conduit_kernel.errors import StreamInterrupted, UpstreamError, UpstreamTimeout
from conduit_kernel.http import Fields, HttpError
from conduit_kernel.websocket import WebSocketClosed
from conduit_providers.error_reports import MAX_MESSAGE_CHARS
from conduit_providers.failures import error_in_stream, redact
from conduit_providers.session_codec import KeepAlive, SessionEvent, SessionTranslator, Step
from conduit_providers.wire import (
    GrpcStreamRequest,
    SessionCreation,
    SessionRequest,
    WebSocketRequest,
)
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_endings import CallFailed
from conduit_router.upstream.message_socket import MessageSocket
from conduit_router.upstream.transport_errors import raise_unreachable

# Close codes before a session is open, as the statuses that they stand for: those of RFC 6455, and
# https://www.iana.org/assignments/websocket for 3000 and above.
_STATUSES: dict[int, int] = {
    CloseCode.POLICY_VIOLATION: 400,
    CloseCode.MESSAGE_TOO_BIG: 413,
    CloseCode.INTERNAL_ERROR: 500,
    CloseCode.SERVICE_RESTART: 503,
    CloseCode.TRY_AGAIN_LATER: 503,
    3000: 401,
    3003: 403,
    3008: 408,
}
_WAYS: dict[int, str] = {
    CloseCode.ABNORMAL_CLOSURE: "was cut",
    CloseCode.GOING_AWAY: "was ended, as its server stops",
    CloseCode.MESSAGE_TOO_BIG: "was ended: an event is too large",
}


# Connects anew, at the same provider with the same key.
Reconnect = Callable[[SessionRequest], Awaitable[MessageSocket]]


# The steps that open a connection.
OPENING = WebSocketRequest | SessionCreation | GrpcStreamRequest
# Events for the caller above which no more is read from it.
_MOST_EVENTS = 100


class SessionLimits(msgspec.Struct, frozen=True):
    """The limits of a session, in seconds."""

    # Until the caller's first event, where it names the model.
    first_event: float
    # Until a provider has opened the session.
    opening: float
    # How long both sides may be silent.
    idle: float
    # From its beginning to its end.
    longest: float


class UpstreamSession:
    """Holds one session. `open` it, `relay` to it what the caller says; always `close` it."""

    def __init__(
        self,
        upstream: UpstreamTarget,
        socket: MessageSocket,
        translator: SessionTranslator,
        limits: SessionLimits,
        reconnect: Reconnect,
    ) -> None:
        self.translator = translator
        self.end_reason: SessionEndReason.ValueType = SESSION_END_REASON_UNSPECIFIED
        self._upstream = upstream
        self._socket = socket
        self._limits = limits
        self._reconnect = reconnect
        # What is to be handed on beside what is received next.
        self._events: list[SessionEvent] = []
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._tasks: list[asyncio.Task[None]] = []
        # What went wrong on the caller's side.
        self._failure: Exception | None = None
        self._touched_at = 0.0

    @property
    def answer_fields(self) -> Fields:
        """Return the header fields of the handshake's answer."""
        return self._socket.answer_fields

    async def open(self, seconds: float) -> None:
        """Wait until the provider holds the session.

        UpstreamError, by class, if it does not in so many seconds; the connection has ended then.
        """
        is_late = False
        try:
            async with asyncio.timeout(max(0.001, seconds)):
                await self._open()
        except TimeoutError:
            is_late = True
            self._socket.abort()
        except WebSocketClosed as end:
            raise self._unopened(end) from end
        except BaseException:
            self._socket.abort()
            raise
        if is_late:
            # Not above: asyncio's error refers to this task, which may end with what is raised.
            name = self._upstream.provider_name
            raise UpstreamTimeout(f"{name} began no session in time", provider=name)

    def relay(
        self,
        said: AsyncGenerator[SessionEvent, None],
        guard: Coroutine[None, None, None] | None = None,
    ) -> None:
        """Begin to send what the caller says, and to watch over the time.

        What `guard` raises ends the session.
        """
        self._touched_at = asyncio.get_running_loop().time()
        self._tasks = [asyncio.create_task(self._say(said)), asyncio.create_task(self._watch())]
        if guard is not None:
            self._tasks.append(asyncio.create_task(self._guard(guard)))
        if (keep_alive := self.translator.keep_alive) is not None:
            self._tasks.append(asyncio.create_task(self._keep_alive(keep_alive)))

    async def next(self) -> Sequence[SessionEvent] | None:
        """Return what the provider says next, None at the end.

        Raises what was wrong with what the caller sent, and UpstreamError if the session breaks.
        """
        while not self.translator.is_done:
            if self._events:
                return self._taken()
            socket = self._socket
            try:
                frame = await socket.receive_or_wake()
            except WebSocketClosed as end:
                if socket is not self._socket:
                    continue
                self._ended(end)
                return None
            if frame is not None:
                self._touch()
                try:
                    await self._receive(frame)
                except WebSocketClosed:
                    # It could not be answered; how the connection ended is told by what comes next.
                    continue
        if self._events:
            return self._taken()
        if self._failure is not None:
            # The provider said goodbye, too.
            raise copy(self._failure)
        self._end(self.translator.end_reason)
        return None

    def _taken(self) -> Sequence[SessionEvent]:
        """Return what there is for the caller."""
        events, self._events = self._events, []
        self._has_room.set()
        return events

    async def close(self) -> None:
        """End the session, in bounds; no effect on one that has ended."""
        try:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._socket.close()
        finally:
            self._socket.abort()

    async def _open(self) -> None:
        await self._take(self.translator.first_steps())
        while not self.translator.is_open:
            await self._receive(await self._socket.receive())
            if self.translator.failure is not None:
                # What was raised refers to all who were asked, and so to this.
                raise copy(self.translator.failure)

    def _unopened(self, end: WebSocketClosed) -> UpstreamError:
        """Return what the end of a connection means that was no session yet."""
        if isinstance(end, CallFailed):
            return copy(end.failure)
        name, status = self._upstream.provider_name, _STATUSES.get(end.code)
        if status is None:
            try:
                raise_unreachable(end, self._upstream)
            except UpstreamError as error:
                return error
        # OpenAI's are such as `invalid_request_error.invalid_api_key`.
        told = {"message": end.reason, "code": end.reason.rpartition(".")[2]}
        return error_in_stream(told, name, status)

    async def _receive(self, frame: str | bytes) -> None:
        # Some providers repeat the key that they were given.
        steps = self.translator.from_upstream(self._upstream.redactor.frame(frame))
        if self.translator.failure is not None:
            # What failed may be told in short.
            for step in steps:
                if not isinstance(step, str | bytes | OPENING):
                    step.json_at_hand = self._upstream.redactor.text(step.json.decode()).encode()
        await self._take(steps)

    async def _take(self, steps: Sequence[Step]) -> bool:
        """Do what a translator says; return whether there is something for the caller."""
        has_events = False
        for step in steps:
            if isinstance(step, str | bytes):
                await self._socket.send(step)
            elif isinstance(step, OPENING):
                await self._replace(step)
            else:
                self._events.append(step)
                has_events = True
        return has_events

    async def _replace(self, request: SessionRequest) -> None:
        """Go on by another connection."""
        old, self._socket = self._socket, await self._reconnect(request)
        old.wake()
        try:
            await old.close()
        finally:
            old.abort()

    async def _say(self, said: AsyncGenerator[SessionEvent, None]) -> None:
        """Send what the caller says, no faster than the provider takes it; then end the session."""
        try:
            async with aclosing(said):
                async for event in said:
                    self._touch()
                    if await self._take(self.translator.to_upstream(event)):
                        self._socket.wake()
                        if len(self._events) > _MOST_EVENTS:
                            self._has_room.clear()
                    await self._has_room.wait()
        except HttpError:
            # How the connection ended is told to who receives.
            return
        except Exception as error:  # noqa: BLE001 # whatever it is, it ends the session
            # Without what it was raised through, which has this.
            self._failure = copy(error)
        else:
            self._end(SESSION_END_REASON_CALLER)
        await self._leave()

    async def _guard(self, guard: Coroutine[None, None, None]) -> None:
        """End the session with what its guard raises."""
        try:
            await guard
        except Exception as error:  # noqa: BLE001 # whatever it is, it ends the session
            self._failure = self._failure or copy(error)
            await self._leave()

    async def _leave(self) -> None:
        """Say goodbye in the provider's own way, if it has one, and close the connection."""
        try:
            for frame in self.translator.last_frames():
                await self._socket.send(frame)
        except WebSocketClosed:
            # It went first.
            pass
        await self._socket.close()

    async def _keep_alive(self, keep_alive: KeepAlive) -> None:
        """Tell the provider that the session goes on."""
        while True:
            await asyncio.sleep(keep_alive.seconds)
            socket = self._socket
            try:
                await socket.send(keep_alive.frame)
            except WebSocketClosed:
                # How the connection ended is told to who receives; one that was replaced did not.
                if socket is self._socket:
                    return

    async def _watch(self) -> None:
        """End a session that lasts too long, or in which nobody says anything."""
        loop = asyncio.get_running_loop()
        last = loop.time() + self._limits.longest
        while True:
            now, due = loop.time(), min(last, self._touched_at + self._limits.idle)
            if now >= due:
                break
            await asyncio.sleep(due - now)
        self._end(SESSION_END_REASON_EXPIRED if due == last else SESSION_END_REASON_IDLE)
        await self._leave()

    def _touch(self) -> None:
        self._touched_at = asyncio.get_running_loop().time()

    def _end(self, reason: SessionEndReason.ValueType) -> None:
        """Note why the session ends; the first reason holds."""
        self.end_reason = self.end_reason or reason or SESSION_END_REASON_PROVIDER

    def _ended(self, end: WebSocketClosed) -> None:
        """Take in that the connection has ended. Raises unless the session ended as it should."""
        if self._failure is not None:
            raise copy(self._failure)
        if self.end_reason:
            return
        reason = self.translator.end_reason
        if reason or end.code == CloseCode.NORMAL_CLOSURE:
            self._end(reason)
            return
        # An error that comes just before the end is why.
        failure = self.translator.failure
        if failure is None and isinstance(end, CallFailed):
            failure = end.failure
        raise (self._cut(end) if failure is None else copy(failure)) from end

    def _cut(self, end: WebSocketClosed) -> StreamInterrupted:
        name = self._upstream.provider_name
        way = _WAYS.get(end.code, f"was ended with code {end.code}")
        words = redact(end.reason)[:MAX_MESSAGE_CHARS]
        message = f"The session with {name} {way}" + (f": {words}" if words else "")
        return StreamInterrupted(message, provider=name, close_code=str(end.code))
