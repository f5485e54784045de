"""Makes calls to providers' gRPC services, as the steps of jobs that they are."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from msgspec.structs import replace

from conduit_kernel.errors import UpstreamError, UpstreamTimeout
from conduit_kernel.http import (
    BodyCut,
    BodyTooLarge,
    ConnectFailed,
    Headers,
    HttpError,
    IdleTimeout,
    Response,
    Timeouts,
    TotalTimeout,
)
from conduit_kernel.http.wake_slot import WakeSlot
from conduit_providers.grpc_codec import framed
from conduit_providers.grpc_failures import DETAILS, GrpcStatus, error_of_status
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import GrpcRequest, HttpRequest, HttpResponse
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_channels import MAX_MESSAGE_BYTES, GrpcChannels
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport import MIN_SECONDS, LazyHeaders, raise_unreachable

# Unread bytes of a stream above which no more is read from the provider.
BUFFER_BYTES = 256 * 1024
_OK = 200

Metadata = tuple[tuple[str, str], ...]


class GrpcCalls:
    """Makes calls over channels, each within its times and as long as its caller waits."""

    def __init__(
        self, channels: GrpcChannels, token_refresher: TokenRefresher, clock: Callable[[], float]
    ) -> None:
        self._channels = channels
        self._token_refresher = token_refresher
        self._clock = clock

    async def ask(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: GrpcRequest,
        timeouts: Timeouts,
    ) -> tuple[HttpResponse, Headers]:
        """Return the whole answer to a call, its messages framed, and its metadata.

        UpstreamError, by class, if it fails.
        """
        call, _ = await self._begin(upstream, spec, request, timeouts)
        messages: list[bytes] = []
        size = 0
        try:
            async for message in _messages(call, request):
                messages.append(message)
                size += len(message)
                if size > MAX_MESSAGE_BYTES:
                    raise_unreachable(BodyTooLarge("its messages are too large"), upstream)
            headers = await _metadata(call)
        except grpc.aio.AioRpcError as error:
            raise _failure(error, spec, upstream) from error
        finally:
            call.cancel()
        return HttpResponse(_OK, LazyHeaders(headers), framed(messages)), headers

    async def open(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: GrpcRequest,
        timeouts: Timeouts,
    ) -> Response:
        """Begin a call and return its answer, the first message there and the others to come.

        UpstreamError, by class, if it fails before. Close what is returned, always.
        """
        call, left = await self._begin(upstream, spec, request, timeouts)
        messages = _messages(call, request)
        try:
            async with asyncio.timeout(left.header):
                first = await anext(messages, None)
                headers = Headers.of(_fields(await call.initial_metadata()))
        except grpc.aio.AioRpcError as error:
            raise _failure(error, spec, upstream) from error
        except TimeoutError:
            call.cancel()
            raise _late(upstream) from None
        except BaseException:
            call.cancel()
            raise
        return _Stream(call, messages, left).response(headers, first)

    async def _begin(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: GrpcRequest,
        timeouts: Timeouts,
    ) -> tuple[Any, Timeouts]:
        """Return a call that is under way, and what is left of its times."""
        began = self._clock()
        if not upstream.signer.is_static:
            await self._token_refresher.ensure(upstream, timeouts.header)
        signed = upstream.signer.sign(HttpRequest("POST", request.method.path, request.metadata))
        seconds = min(timeouts.connect, timeouts.total)
        try:
            channel = await self._channels.connected(
                upstream.origin, seconds, is_guarded=upstream.is_guarded
            )
        except ConnectFailed as error:
            raise_unreachable(error, upstream)
        spent = self._clock() - began
        header, total = timeouts.header - spent, timeouts.total - spent
        left = replace(timeouts, header=max(MIN_SECONDS, header), total=max(MIN_SECONDS, total))
        return _call(channel, request, signed.headers, left.total), left


class _Stream:
    """Reads a call's messages into a response, no faster than they are taken."""

    def __init__(self, call: Any, messages: AsyncIterator[bytes], timeouts: Timeouts) -> None:  # noqa: ANN401 # of grpc, by its method
        loop = asyncio.get_running_loop()
        self.wake_slot = WakeSlot(loop)
        self.buffered = 0
        self.used = False
        self.answered = True
        self._call = call
        self._messages = messages
        self.timeouts = timeouts
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._response = Response(self, [])
        self._task: asyncio.Task[None] | None = None

    def response(self, headers: Headers, first: bytes | None) -> Response:
        """Return the response, with its first message, and begin to read the others."""
        response = self._response
        response.status, response.headers = _OK, headers
        if first is None:
            response.done = True
        else:
            self._add(first)
            self._task = asyncio.create_task(self._read())
        return response

    def resume(self) -> None:
        """Read on after the reader has taken what had arrived."""
        self._may_read.set()

    def drop(self) -> None:
        """Cancel the call."""
        self._call.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _read(self) -> None:
        response = self._response
        error: HttpError | None = None
        try:
            while True:
                await self._may_read.wait()
                async with asyncio.timeout(self.timeouts.idle):
                    message = await anext(self._messages, None)
                if message is None:
                    break
                self._add(message)
                self.wake_slot.wake()
        except TimeoutError:
            self._call.cancel()
            error = IdleTimeout("no message came in time")
        except grpc.aio.AioRpcError as failure:
            error = _cut(failure)
        if not response.done:
            response.done, response.error = True, error
        self.wake_slot.wake()

    def _add(self, message: bytes) -> None:
        data = framed((message,))
        self._response.parts.append(data)
        self.buffered += len(data)
        if self.buffered > BUFFER_BYTES:
            self._response.paused = True
            self._may_read.clear()


def _call(
    channel: grpc.aio.Channel, request: GrpcRequest, metadata: Metadata, seconds: float
) -> Any:  # noqa: ANN401 # each kind has a class of its own
    method = request.method
    kind = (
        f"{'stream' if method.streams_requests else 'unary'}"
        f"_{'stream' if method.streams_responses else 'unary'}"
    )
    # Without serializers messages are bytes.
    begin = getattr(channel, kind)(method.path)
    outgoing = iter(request.messages) if method.streams_requests else request.messages[0]
    limit = None if seconds == float("inf") else seconds
    return begin(outgoing, metadata=metadata, timeout=limit)


async def _messages(call: Any, request: GrpcRequest) -> AsyncIterator[bytes]:  # noqa: ANN401 # as above
    if not request.method.streams_responses:
        yield await call
        return
    while (message := await call.read()) is not grpc.aio.EOF:
        yield message


async def _metadata(call: Any) -> Headers:  # noqa: ANN401 # as above
    fields = _fields(await call.initial_metadata()), _fields(await call.trailing_metadata())
    return Headers.of(fields[0] + fields[1])


def _fields(metadata: Any) -> list[tuple[bytes, bytes]]:  # noqa: ANN401 # grpc's types are not exact
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in metadata or ()
    ]


def _failure(
    error: grpc.aio.AioRpcError, spec: ProviderSpec, upstream: UpstreamTarget
) -> UpstreamError:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        # Ours or the provider's: no answer came in time.
        return _late(upstream)
    metadata = dict(_fields(error.trailing_metadata()))
    details = metadata.pop(DETAILS.encode(), b"")
    text = {name.decode(): value.decode("latin-1") for name, value in metadata.items()}
    status = GrpcStatus(error.code().name, error.details() or "", text, details)
    return error_of_status(status, spec, upstream.target)


def _cut(error: grpc.aio.AioRpcError) -> HttpError:
    """Return what the failure of a stream means that had begun."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TotalTimeout("the call's time is up")
    return BodyCut(f"the stream ended with {error.code().name}")


def _late(upstream: UpstreamTarget) -> UpstreamTimeout:
    name = upstream.provider_name
    return UpstreamTimeout(f"{name} did not answer in time", provider=name)
