"""Callers who hold sessions that meet faults, over HTTP and gRPC."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import grpc
import orjson
from tests.faults.fault_callers import BEARER, Came, Stub, metadata_of
from tests.faults.operation import Operation, Session
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.converse_requests_pb2 import ConverseRequest
from conduit_kernel.rpc import error_of


async def converse_over_http(
    base_url: str, session: Session, alias: str, came: Came, headers: dict[str, str]
) -> None:
    """Hold a session until it has answered once, and note what it came to."""
    url = base_url.replace("http", "ws", 1) + session.path + alias * session.names_model
    try:
        async with connect(
            url, additional_headers={"authorization": BEARER, **headers}, proxy=None
        ) as socket:
            await _hear(socket, came, session.said(alias))
    except InvalidStatus as refused:
        came.read(orjson.loads(refused.response.body or b"{}"))


async def _hear(socket: ClientConnection, came: Came, said: Sequence[str]) -> None:
    try:
        for each in said:
            await socket.send(each)
        while not came.is_whole:
            came.hear(orjson.loads(await socket.recv()))
    except ConnectionClosed as end:
        # An error is told in an event before.
        code = end.rcvd.code if end.rcvd is not None else "ABNORMALLY"
        came.reason = came.reason or f"CLOSED_{code}"


async def converse_over_grpc(
    stub: Stub, operation: Operation, alias: str, came: Came, options: CallOptions
) -> None:
    """Do the same by messages."""
    has_heard = asyncio.Event()

    async def said() -> AsyncIterator[ConverseRequest]:
        yield operation.grpc(alias, options)
        assert operation.session is not None
        for each in operation.session.said(alias):
            yield ConverseRequest(json=each.encode())
        await has_heard.wait()

    try:
        async for message in stub.Converse(said(), metadata=metadata_of(came.request_id)):
            if message.WhichOneof("message") == "json":
                came.hear(orjson.loads(message.json))
            if came.is_whole:
                has_heard.set()
            elif message.WhichOneof("message") == "finished":
                # As WebSockets say it.
                came.reason = came.reason or "CLOSED_1000"
    except grpc.aio.AioRpcError as error:
        came.reason = error_of(error, "router").reason
    finally:
        has_heard.set()
