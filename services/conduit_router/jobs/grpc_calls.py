"""Makes calls to providers' gRPC services, as the steps of jobs that they are."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from conduit_kernel.http import (
    BodyCut,
    Headers,
    HttpError,
    IdleTimeout,
    Response,
    Timeouts,
    TotalTimeout,
)
from conduit_providers.grpc_codec import framed
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import GrpcRequest, HttpResponse
from conduit_router.jobs.message_source import MessageSource, whole_answer
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_connector import GrpcConnector
from conduit_router.upstream.grpc_endings import failure_of, fields_of, late

Metadata = tuple[tuple[str, str], ...]


class GrpcCalls:
    """Makes calls over channels, each within its times and as long as its caller waits."""

    def __init__(self, connector: GrpcConnector) -> None:
        self._connector = connector

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
        response = await self.open(upstream, spec, request, timeouts)

        def explain(error: HttpError, _: bytes) -> None:
            if isinstance(error.__cause__, grpc.aio.AioRpcError):
                raise failure_of(error.__cause__, spec, upstream) from error

        return await whole_answer(response, upstream, explain)

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
        call, left = await self._begin(upstream, request, timeouts)
        stream = _Stream(call, _messages(call, request), left)
        stream.response.redactor = upstream.redactor.answers
        is_late = False
        try:
            async with asyncio.timeout(left.header):
                await stream.open()
        except grpc.aio.AioRpcError as error:
            raise failure_of(error, spec, upstream) from error
        except TimeoutError:
            is_late = True
        except BaseException:
            call.cancel()
            raise
        if is_late:
            # Not above: asyncio's error refers to this task, which may end with what is raised.
            call.cancel()
            raise late(upstream)
        return stream.response

    async def _begin(
        self,
        upstream: UpstreamTarget,
        request: GrpcRequest,
        timeouts: Timeouts,
    ) -> tuple[Any, Timeouts]:
        """Return a call that is under way, and what is left of its times."""
        path = request.method.path
        found = await self._connector.connect(upstream, path, request.metadata, timeouts)
        call = _call(found.channel, request, found.metadata, found.timeouts.total)
        return call, found.timeouts


class _Stream(MessageSource):
    """Reads the messages of a call."""

    def __init__(self, call: Any, messages: AsyncIterator[bytes], timeouts: Timeouts) -> None:  # noqa: ANN401 # of grpc, by its method
        super().__init__(timeouts)
        self._call = call
        self._messages = messages
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Wait for the first message, and begin to read the others."""
        first = await anext(self._messages, None)
        self.begin(Headers.of(fields_of(await self._call.initial_metadata())))
        if first is not None:
            self.add(framed((first,)))
        self._task = asyncio.create_task(self._read())

    def drop(self) -> None:
        """Cancel the call."""
        self._call.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _read(self) -> None:
        error: HttpError | None = None
        try:
            while (message := await self._next()) is not None:
                self.add(framed((message,)))
            self.response.headers = await _metadata(self._call)
        except TimeoutError:
            self._call.cancel()
            error = IdleTimeout("no message came in time")
        except grpc.aio.AioRpcError as failure:
            error = _cut(failure)
        self.finish(error)

    async def _next(self) -> bytes | None:
        await self.until_wanted()
        async with asyncio.timeout(self.timeouts.idle):
            return await anext(self._messages, None)


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
    fields = fields_of(await call.initial_metadata()), fields_of(await call.trailing_metadata())
    return Headers.of(fields[0] + fields[1])


def _cut(failure: grpc.aio.AioRpcError) -> HttpError:
    """Return what the failure of a stream means that had begun."""
    error: HttpError = BodyCut(f"the stream ended with {failure.code().name}")
    if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        error = TotalTimeout("the call's time is up")
    # Where it was raised keeps the stream, and so the error.
    error.__cause__ = failure.with_traceback(None)
    return error
