"""Reflection describes what it lists: tools such as grpcurl call by it alone."""

import asyncio
import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2_grpc
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest as Question
from tests.support.suite import ENCRYPTION_KEY, MASTER_KEY, Suite

from conduit_kernel.rpc.methods import METHODS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = {
    "registry": "conduit.v1.RegistryService",
    "router": "conduit.v1.RouterService",
    "health": "conduit.v1.HealthService",
    "billing": "conduit.v1.BillingService",
    "storage": "conduit.internal.v1.TaskStorageService",
}
# A process that has loaded nothing but one service, and ends with its input.
ALONE = """
import asyncio, os, sys
from importlib import import_module
from conduit_kernel.settings import read_settings
from conduit_providers.catalog import load_catalog

async def run():
    start = import_module(f"conduit_{sys.argv[1]}.bootstrap").start
    more = () if sys.argv[1] == "storage" else (load_catalog(),)
    process = await start(read_settings(os.environ), *more, port=0)
    print(process.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await process.drain(0.1)

asyncio.run(run())
"""


@contextlib.asynccontextmanager
async def alone(service: str, data_dir: Path) -> AsyncIterator[int]:
    """Run one service in a process of its own; yield its port."""
    surroundings = {
        "CONDUIT_DATA_DIR": str(data_dir),
        "CONDUIT_MASTER_KEY": MASTER_KEY,
        "CONDUIT_ENCRYPTION_KEY": base64.b64encode(ENCRYPTION_KEY).decode(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ALONE,
        service,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **surroundings},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


async def ask(port: int, question: Question) -> Any:  # noqa: ANN401 # gRPC's own type, of no stub
    """Return the answer to one question."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        [answer] = [each async for each in stub.ServerReflectionInfo(iter([question]))]
    return answer


async def described(port: int, name: str) -> ServiceDescriptor:
    """Return a service as a stranger reads it, who has no files of ours."""
    answer = await ask(port, Question(file_containing_symbol=name))
    assert answer.WhichOneof("message_response") == "file_descriptor_response", (name, answer)
    files = answer.file_descriptor_response.file_descriptor_proto
    return pool_of(FileDescriptorProto.FromString(each) for each in files).FindServiceByName(name)


def pool_of(files: Iterable[FileDescriptorProto]) -> DescriptorPool:
    """Return the files together, those that others import first."""
    waiting = {each.name: each for each in files}
    pool = DescriptorPool()

    def add(file: FileDescriptorProto) -> None:
        for name in file.dependency:
            if name in waiting:
                add(waiting.pop(name))
        pool.Add(file)

    while waiting:
        add(waiting.popitem()[1])
    return pool


async def check(port: int, service: str) -> None:
    """Check that all that is listed can be described, and the service with all its methods."""
    listed = (await ask(port, Question(list_services=""))).list_services_response.service
    found = {each.name: await described(port, each.name) for each in listed}
    methods = {f"/{service}/{method.name}" for method in found[service].methods}
    assert methods == {name for name in METHODS if name.startswith(f"/{service}/")}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_alone_describes_itself(service: str, tmp_path: Path) -> None:
    """Nothing that another service would have loaded is needed."""
    async with alone(service, tmp_path) as port:
        await check(port, SERVICES[service])


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_of_a_gateway_describes_itself(suite: Suite, service: str) -> None:
    """Each port describes what it lists."""
    await check(suite.ports()[service], SERVICES[service])
