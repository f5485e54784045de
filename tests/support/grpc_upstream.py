"""A provider that speaks gRPC, whose behaviour a test writes; messages are bytes of the test's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from conduit_providers.wire import GrpcMethod

SAY = GrpcMethod("/acme.v1.Echo/Say")
COLLECT = GrpcMethod("/acme.v1.Echo/Collect", streams_requests=True)
TELL = GrpcMethod("/acme.v1.Echo/Tell", streams_responses=True)

Context = grpc.aio.ServicerContext[Any, Any]
# Answers the messages of a call with as many as it likes.
Act = Callable[[list[bytes], Context], AsyncIterator[bytes]]


class GrpcUpstream:
    """Does what it is told for each call; keeps what it was asked, and what became of it."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.port = 0
        self.asked: list[list[bytes]] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.arrived = asyncio.Event()
        # Set when a caller left.
        self.left = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it is, as a base URL."""
        return f"http://127.0.0.1:{self.port}"

    async def answers(self, messages: list[bytes], context: Context) -> AsyncIterator[bytes]:
        """Yield the answers to a call."""
        self.asked.append(messages)
        self.arrived.set()
        self.metadata.append(dict(context.invocation_metadata() or ()))
        try:
            async for answer in self.act(messages, context):
                yield answer
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def say(self, message: bytes, context: Context) -> bytes:
        """Answer one message by one."""
        return await anext(self.answers([message], context))

    async def collect(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Answer several messages by one."""
        return await anext(self.answers([each async for each in messages], context))

    async def tell(self, message: bytes, context: Context) -> AsyncIterator[bytes]:
        """Answer one message by several."""
        async for answer in self.answers([message], context):
            yield answer


async def echo(messages: list[bytes], context: Context) -> AsyncIterator[bytes]:
    """Say everything again, with a name of the call beside it."""
    await context.send_initial_metadata((("x-request-id", "up-1"),))
    for message in messages:
        yield message


async def hang(_messages: list[bytes], _context: Context) -> AsyncIterator[bytes]:
    """Say nothing."""
    await asyncio.Event().wait()
    yield b""


def then(*answers: bytes, end: Callable[[Context], Awaitable[None]]) -> Act:
    """Give some answers, and then end in a way of its own."""

    async def act(_messages: list[bytes], context: Context) -> AsyncIterator[bytes]:
        for answer in answers:
            yield answer
        await end(context)

    return act


def failing(
    code: grpc.StatusCode, message: str = "no", *details: Message
) -> Callable[[Context], Awaitable[None]]:
    """End with a status."""

    async def end(context: Context) -> None:
        status = Status(code=code.value[0], message=message)
        for detail in details:
            status.details.add().Pack(detail)
        trailing = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(code, message, trailing if details else ())

    return end


async def wait(_context: Context) -> None:
    """Do not end."""
    await asyncio.Event().wait()


def retry_after(seconds: int) -> RetryInfo:
    """Return a detail that asks for a pause."""
    return RetryInfo(retry_delay=Duration(seconds=seconds))


@asynccontextmanager
async def serve_grpc(
    act: Act = echo, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[GrpcUpstream]:
    """Run a provider for as long as this lasts."""
    upstream = GrpcUpstream(act)
    handlers: dict[str, Any] = {
        "Say": grpc.unary_unary_rpc_method_handler(upstream.say),
        "Collect": grpc.stream_unary_rpc_method_handler(upstream.collect),
        "Tell": grpc.unary_stream_rpc_method_handler(upstream.tell),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("acme.v1.Echo", handlers),)
    )
    upstream.port = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield upstream
    finally:
        await server.stop(None)
