"""Responses that are made while nobody waits, of a router beside a real Storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from tests.support.call_bench import CALLER, Bench
from tests.support.credentials import service_metadata_of
from tests.support.scripted_upstream import Act, hang, open_transport, serve
from tests.support.snapshots import compiled, key, provider, snapshot
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost

from conduit.v1.response_requests_pb2 import StreamCreateResponseResponse
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import connect
from conduit_kernel.secrets import Vault
from conduit_providers.operations.response import OPERATION
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.responses.background import BackgroundResponses
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.keeping import ResponseKeeping
from conduit_router.responses.storage import ResponseStorage
from conduit_router.storage import StorageClient
from conduit_router.tasks.running import RunningTasks
from conduit_router.tasks.storage import TaskStorage

BODY = orjson.dumps({"model": "gpt", "input": "Hello", "background": True})


@asynccontextmanager
async def working(
    host: StorageHost, folder: Path, *acts: Act, most: int = 2, kind: str = "OpenAICompatible"
) -> AsyncIterator[BackgroundResponses]:
    """Return what works on responses, at a provider that does as told."""
    channel = connect(host.address)
    client = StorageClient(channel, service_metadata_of(ENCRYPTION_KEY))
    tasks = RunningTasks(TaskStorage(client), "r")
    async with serve(*acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport)
        instance = provider(1, upstream.url, provider_type=kind)
        bench.runtime.table = compiled(snapshot([instance], keys=[key(1, 1)]))
        keeper = ResponseKeeper(ResponseStorage(client), Vault(ENCRYPTION_KEY), lambda: 0.0)
        calls = StreamingCalls(bench.runtime, OPERATION, StreamCreateResponseResponse)
        try:
            yield BackgroundResponses(
                bench.runtime,
                OPERATION,
                calls,
                keeper=keeper,
                keeping=ResponseKeeping(bench.runtime, keeper, IdSource(lambda: 0.0)),
                tasks=tasks,
                most=most,
            )
        finally:
            await tasks.close()
            bench.spool.close()
            await channel.close()


async def test_there_are_so_many_at_a_time(host: StorageHost, tmp_path: Path) -> None:
    """One more is refused, until one of them is taken back."""
    async with working(host, tmp_path, *[hang] * 3) as background:
        form = OPERATION.plain_form(BODY)
        first = await background.begin(form, None, CALLER, is_streamed=False)
        await background.begin(form, None, CALLER, is_streamed=False)
        with pytest.raises(ServiceUnavailable):
            await background.begin(form, None, CALLER, is_streamed=False)
        record = (await background.keeper.find(1, first.id))[-1]
        assert (await background.cancel(record))["status"] == "cancelled"
        assert background.run_of(1, first.id) is None
        await background.begin(form, None, CALLER, is_streamed=False)


async def test_one_that_is_not_kept_is_refused(host: StorageHost, tmp_path: Path) -> None:
    """Nobody could ask for it; nothing is begun."""
    async with working(host, tmp_path) as background:
        form = OPERATION.plain_form(BODY[:-1] + b',"store":false}')
        with pytest.raises(InvalidRequest):
            await background.begin(form, None, CALLER, is_streamed=False)


async def test_one_without_storage_is_not_begun(host: StorageHost, tmp_path: Path) -> None:
    """And takes no room."""
    async with working(host, tmp_path, hang, most=1) as background:
        form = OPERATION.plain_form(BODY)
        await host.stop()
        with pytest.raises(ServiceUnavailable):
            await background.begin(form, None, CALLER, is_streamed=False)
        await host.start()
        await background.begin(form, None, CALLER, is_streamed=False)
