"""Calls with idempotency keys at a Storage service of their own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from tests.support.credentials import service_metadata_of
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost
from tests.support.waiting import eventually

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import connect
from conduit_kernel.secrets import Vault
from conduit_router.idempotency.calls import IdempotentCalls, KeyedCall
from conduit_router.idempotency.storage import IdempotencyStorage
from conduit_router.storage import StorageClient

RENEW_SECONDS = 0.05


def whole(text: bytes = b"{}", cost: int = 7) -> pb.ChatResponse:
    """Return an answer in one message."""
    response = pb.ChatResponse(json=text)
    response.report.cost_nano_usd = cost
    return response


def pieces(*events: bytes) -> list[pb.StreamChatResponse]:
    """Return an answer in several messages."""
    messages = [pb.StreamChatResponse(events=each) for each in events]
    messages[0].started.request_id = "req_first"
    end = pb.StreamChatResponse()
    end.finished.report.request_id = "req_first"
    return [*messages, end]


class Provider:
    """Makes calls, and counts them; each waits until a test lets it go on."""

    def __init__(self, *messages: Message) -> None:
        self.messages: Sequence[Message] = messages or [whole()]
        self.calls = 0
        self.ended = 0
        self.error: Exception | None = None
        self.opened = asyncio.Event()
        self.opened.set()

    async def __call__(self) -> AsyncGenerator[Any, None]:
        """Answer."""
        self.calls += 1
        try:
            for message in self.messages:
                await self.opened.wait()
                if self.error is not None:
                    raise self.error
                yield message
        finally:
            self.ended += 1

    async def is_called(self) -> None:
        """Wait until a call was made."""

        async def is_so() -> bool:
            return self.calls > 0

        await eventually(is_so)

    async def has_ended(self) -> None:
        """Wait until all calls have ended."""

        async def is_so() -> bool:
            return self.ended == self.calls

        await eventually(is_so)


async def idle(router: IdempotentCalls) -> None:
    """Wait until a router works at no call."""

    async def is_so() -> bool:
        return router.under_way == 0

    await eventually(is_so, seconds=20)


def keyed(provider: Callable[[], AsyncGenerator[Any, None]], **fields: object) -> KeyedCall:
    """Return a call of virtual key 1 with the key `k`."""
    values: dict[str, Any] = {
        "virtual_key_id": 1,
        "key": "k",
        "fingerprint": b"f" * 32,
        "response": pb.ChatResponse,
        "make": provider,
        "seconds": 5.0,
    }
    return KeyedCall(**(values | fields))


@asynccontextmanager
async def router_at(
    address: str, *, renew_seconds: float = RENEW_SECONDS
) -> AsyncIterator[IdempotentCalls]:
    """Return what a router makes calls with, at the Storage of an address."""
    channel = connect(address)
    storage = IdempotencyStorage(StorageClient(channel, service_metadata_of(ENCRYPTION_KEY)))
    loop = asyncio.get_running_loop()
    calls = IdempotentCalls(
        storage, Vault(ENCRYPTION_KEY), IdSource(), loop.time, renew_seconds=renew_seconds
    )
    try:
        yield calls
    finally:
        await calls.close()
        await channel.close()


@asynccontextmanager
async def hosted(folder: Path, **settings: int) -> AsyncIterator[IdempotentCalls]:
    """Return what a router makes calls with, at a Storage with bounds of its own."""
    made = StorageHost(folder, **settings)
    await made.start()
    try:
        async with router_at(made.address) as calls:
            yield calls
    finally:
        await made.stop()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StorageHost]:
    """Return a Storage service that runs."""
    made = StorageHost(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def router(host: StorageHost) -> AsyncIterator[IdempotentCalls]:
    """Return what a router makes calls with."""
    async with router_at(host.address) as calls:
        yield calls
