"""Who is let in to which RPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from tests.support.credentials import Metadata, admin_metadata

from conduit.internal.v1.methods import METHODS as INTERNAL
from conduit_kernel.rpc import RpcServer, connect, error_of, service_metadata

TOKENS = ("current-token", "former-token")
UNARY = [name for name, method in INTERNAL.items() if not method.server_streaming]
STREAMING = [name for name, method in INTERNAL.items() if method.server_streaming]
STRANGERS = [
    (),
    admin_metadata("master"),
    (("authorization", "Bearer condt_x"),),
    service_metadata(""),
    service_metadata("wrong"),
    service_metadata("master"),
]


async def _answer(_request: bytes, _context: object) -> bytes:
    return b"answer"


async def _stream(_request: bytes, _context: object) -> AsyncIterator[bytes]:
    yield b"answer"


@asynccontextmanager
async def served(name: str, *tokens: str) -> AsyncIterator[grpc.aio.Channel]:
    """Serve one RPC that answers whoever gets to it."""
    server = RpcServer(name="any", master_key="master", service_tokens=tokens)
    service, _, rpc = name.strip("/").partition("/")
    # Any: of bytes, as nothing is made of them here.
    handler: Any = (
        grpc.unary_stream_rpc_method_handler(_stream)
        if INTERNAL[name].server_streaming
        else grpc.unary_unary_rpc_method_handler(_answer)
    )
    server.grpc.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {rpc: handler}),)
    )
    await server.start("127.0.0.1", 0)
    channel = connect(f"127.0.0.1:{server.port}")
    try:
        yield channel
    finally:
        await channel.close()
        await server.drain(0)


async def first_answer(channel: grpc.aio.Channel, name: str, metadata: Metadata) -> object:
    """Call an RPC, of whichever kind, and return its first answer."""
    # Any: without serializers the messages are bytes.
    streaming: Any = channel.unary_stream(name)
    unary: Any = channel.unary_unary(name)
    if INTERNAL[name].server_streaming:
        return await streaming(b"", metadata=metadata).read()
    return await unary(b"", metadata=metadata)


@pytest.mark.parametrize("name", INTERNAL)
async def test_internal_rpcs_refuse_everybody_but_services(name: str) -> None:
    """The master key, virtual keys and wrong or empty tokens open none of them."""
    async with served(name, *TOKENS) as channel:
        for metadata in STRANGERS:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await first_answer(channel, name, metadata)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert error_of(refused.value, "any").reason == "SERVICE_TOKEN_INVALID"


@pytest.mark.parametrize("name", [UNARY[0], STREAMING[0]])
async def test_services_are_let_in_with_the_current_or_a_former_token(name: str) -> None:
    """So that an encryption key can be changed while services run."""
    async with served(name, *TOKENS) as channel:
        for token in TOKENS:
            assert await first_answer(channel, name, service_metadata(token)) == b"answer"


async def test_a_server_without_tokens_lets_no_service_in() -> None:
    """Nothing that is given equals nothing that is known."""
    async with served(UNARY[0]) as channel:
        for metadata in STRANGERS:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await first_answer(channel, UNARY[0], metadata)
            assert error_of(refused.value, "any").reason == "SERVICE_TOKEN_INVALID"


@pytest.mark.parametrize("given", ["req_of_the_caller", ""])
async def test_an_error_names_the_request(given: str) -> None:
    """By the caller's id if it sent one, or by a fresh one."""
    metadata = (("x-request-id", given),) if given else ()
    async with served(UNARY[0], *TOKENS) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await first_answer(channel, UNARY[0], metadata)
    name = error_of(refused.value, "any").metadata["request_id"]
    assert name == given if given else name.startswith("req_")
