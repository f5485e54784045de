"""Callers who may call over gRPC, and begin many large messages at once that do not end.

Each is within what a Router takes of one, and all together end the gateway.
"""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from tests.attacks.raw_http2 import begun
from tests.support.suite import Suite, running_suite
from tests.support.waiting import eventually

from conduit.v1.router_requests_pb2 import ChatRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.heap import heap_meter

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
ROOM, SIZE, CALLS = 16 * MIB, 80 * MIB, 6
PATHS = ("Chat", "StreamChat", "Transcribe", "Converse")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run a gateway with little room for messages."""
    folder = tmp_path_factory.mktemp("messages")
    async with running_suite(folder, max_bodies_bytes=ROOM) as running:
        await running.add_simulator("echo", "echo")
        await running.settled()
        yield running


async def is_answered(gateway: Suite) -> bool:
    """Return whether somebody else's chat is answered now."""
    body = b'{"model":"echo","messages":[{"role":"user","content":"hi"}]}'
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports()['router']}") as channel:
        metadata = (("authorization", f"Bearer {gateway.virtual_key}"),)
        answer = await RouterServiceStub(channel).Chat(
            ChatRequest(json=body), metadata=metadata, timeout=30
        )
    return bool(answer.ByteSize())


@pytest.mark.parametrize("rpc", PATHS)
async def test_messages_without_end_are_ended_for_room(gateway: Suite, rpc: str) -> None:
    """By their memory, which they give back; whoever comes next is answered."""
    in_use = heap_meter()
    before = in_use()
    metadata = (("authorization", f"Bearer {gateway.virtual_key}"),)
    async with begun(gateway.ports()["router"]) as calls:
        async with asyncio.timeout(30):
            await calls.send(f"/conduit.v1.RouterService/{rpc}", metadata, SIZE, CALLS)
        # None of them was whole, and none waits for its last byte.
        assert len(calls.ended) == CALLS
        assert await is_answered(gateway)

    async def is_given_back() -> bool:
        return in_use() - before < SIZE // 2

    await eventually(is_given_back)


async def test_messages_of_strangers_are_not_taken_in(gateway: Suite) -> None:
    """Each call is refused by its head, whatever follows."""
    async with begun(gateway.ports()["router"]) as calls, asyncio.timeout(30):
        await calls.send("/conduit.v1.RouterService/Chat", (), SIZE, CALLS)
        assert len(calls.ended) == CALLS
        assert await is_answered(gateway)
