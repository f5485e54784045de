"""Responses as routers keep them at Storage, on both databases."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from tests.integration.storage.conftest import LOOK_SECONDS, METADATA, Bench

from conduit.internal.v1 import response_storage_service_pb2 as pb
from conduit.internal.v1.response_storage_service_pb2_grpc import ResponseStorageServiceStub
from conduit_kernel.rpc import connect, error_of
from conduit_storage import bootstrap
from conduit_storage.responses.store import ROW_BYTES

DAY = 24 * 3600.0
CONTENT = b"\0sealed\xff"


@asynccontextmanager
async def storage_of(bench: Bench, **settings: Any) -> AsyncIterator[Any]:  # noqa: ANN401 # of Settings
    """Run a Storage process for as long as this lasts."""
    process = await bootstrap.start(
        dataclasses.replace(bench.settings, **settings),
        clock=bench.clock,
        port=0,
        look_seconds=LOOK_SECONDS,
    )
    channel = connect(f"127.0.0.1:{process.port}")
    try:
        yield ResponseStorageServiceStub(channel)
    finally:
        await channel.close()
        await process.drain(0.1)


def response(name: str, previous: str = "", owner: int = 1, size: int = 0) -> pb.KeptResponse:
    """Return a response."""
    return pb.KeptResponse(
        id=name,
        virtual_key_id=owner,
        previous_id=previous,
        provider_id=7,
        key_id="key_3",
        account_group="a",
        content=bytes(size) if size else CONTENT,
    )


async def kept(storage: Any, *responses: pb.KeptResponse) -> list[str]:  # noqa: ANN401 # a stub
    """Keep responses; return those that are too large."""
    request = pb.KeepResponsesRequest(responses=responses)
    return [*(await storage.KeepResponses(request, metadata=METADATA)).refused_ids]


async def found(storage: Any, name: str, owner: int = 1) -> list[pb.KeptResponse]:  # noqa: ANN401 # a stub
    """Return a response behind those that it goes on from; nothing if there is none."""
    request = pb.GetKeptResponseRequest(virtual_key_id=owner, id=name)
    try:
        return [*(await storage.GetKeptResponse(request, metadata=METADATA)).responses]
    except grpc.RpcError as error:
        assert error_of(error, "storage").reason == "RESPONSE_NOT_FOUND"  # noqa: PT017 # all others fail
        return []


async def ids(storage: Any, name: str) -> list[str]:  # noqa: ANN401 # a stub
    """Return the ids of the same."""
    return [each.id for each in await found(storage, name)]


async def test_responses_are_kept_as_they_came(bench: Bench) -> None:
    """Each for its owner alone; what comes again is the later version, in the same place."""
    async with storage_of(bench) as storage:
        assert await kept(storage, response("a"), response("b", "a")) == []
        await kept(storage, response("a"), response("a", owner=2, size=5))
        assert await found(storage, "b") == [response("a"), response("b", "a")]
        await kept(storage, response("a", size=9))
        assert await found(storage, "b") == [response("a", size=9), response("b", "a")]
        assert await found(storage, "a", owner=2) == [response("a", owner=2, size=5)]
        assert await found(storage, "b", owner=2) == []


async def test_a_deleted_response_is_missed_by_those_behind_it(bench: Bench) -> None:
    """They are returned without it, and the first one tells what is missing."""
    async with storage_of(bench) as storage:
        await kept(storage, response("a"), response("b", "a"), response("c", "b"))
        request = pb.DeleteKeptResponseRequest(virtual_key_id=1, id="b")
        await storage.DeleteKeptResponse(request, metadata=METADATA)
        assert await found(storage, "b") == []
        assert await found(storage, "c") == [response("c", "b")]
        for owner, name in ((1, "b"), (2, "a")):
            request = pb.DeleteKeptResponseRequest(virtual_key_id=owner, id=name)
            with pytest.raises(grpc.RpcError) as refused:
                await storage.DeleteKeptResponse(request, metadata=METADATA)
            assert error_of(refused.value, "storage").reason == "RESPONSE_NOT_FOUND"
        assert await ids(storage, "a") == ["a"]


async def test_a_conversation_is_kept_for_as_long_as_its_last_response(bench: Bench) -> None:
    """Whoever goes on from a response keeps all before it; others go when their time is up."""
    async with storage_of(bench, response_days=30) as storage:
        await kept(storage, response("a"), response("b", "a"), response("alone"))
        bench.clock.now += 29 * DAY
        await kept(storage, response("c", "b"))
        bench.clock.now += 2 * DAY
        assert await ids(storage, "c") == ["a", "b", "c"]
        assert await ids(storage, "alone") == []
        bench.clock.now += 29 * DAY
        assert await ids(storage, "c") == []


async def test_the_oldest_make_room(bench: Bench) -> None:
    """For one more of the same owner; others' are left alone, and what is too large is refused."""
    room = 4 * (ROW_BYTES + 1000)
    async with storage_of(bench, response_bytes=2000, response_key_bytes=room) as storage:
        await kept(storage, response("other", owner=2, size=1000))
        for number in range(6):
            bench.clock.now += 1
            await kept(storage, response(f"r{number}", size=1000))
        assert [bool(await ids(storage, f"r{number}")) for number in range(6)] == [
            *(False, False),
            *(True, True, True, True),
        ]
        assert await found(storage, "other", owner=2)
        refused = await kept(storage, response("large", size=2001), response("small", size=1))
        assert refused == ["large"]
        assert await ids(storage, "small") == ["small"]


@pytest.mark.parametrize("name", ["", "x" * 257])
async def test_what_is_no_id_is_refused(bench: Bench, name: str) -> None:
    """Nothing of such a request is kept."""
    async with storage_of(bench) as storage:
        with pytest.raises(grpc.RpcError) as refused:
            await kept(storage, response("a"), response(name))
        assert error_of(refused.value, "storage").reason == "INVALID_REQUEST"
        assert await ids(storage, "a") == []
