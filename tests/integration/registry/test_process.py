"""The Registry as a process of its own."""

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.credentials import new_key
from tests.support.registry import METADATA, Bench

from conduit.v1.provider_requests_pb2 import ListProvidersRequest
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit_kernel.rpc import connect

MODULE = (sys.executable, "-m", "conduit_registry")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def test_it_serves_until_it_is_told_to_stop(bench: Bench) -> None:
    """With gRPC health, and what it counts; SIGTERM ends it soon and without complaint."""
    port = free_port()
    env = os.environ | {
        "CONDUIT_MASTER_KEY": bench.settings.master_key,
        "CONDUIT_ENCRYPTION_KEY": new_key(),
        "CONDUIT_DATA_DIR": str(bench.settings.data_dir),
        "CONDUIT_DATABASE_URL": bench.settings.database_url,
        "CONDUIT_GRPC_PORT": str(port),
        "CONDUIT_METRICS_PORT": str(metrics := free_port()),
    }
    process = await asyncio.create_subprocess_exec(*MODULE, env=env)
    async with asyncio.timeout(30):
        async with connect(f"127.0.0.1:{port}") as channel:
            request = health_pb2.HealthCheckRequest(service="conduit.v1.RegistryService")
            health: Any = health_pb2_grpc.HealthStub(channel)
            answer = await health.Check(request, wait_for_ready=True)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            stub = RegistryServiceStub(channel)
            await stub.ListProviders(ListProvidersRequest(), metadata=METADATA)
        async with httpx.AsyncClient() as client:
            counted = await client.get(f"http://127.0.0.1:{metrics}/metrics")
        assert 'method="ListProviders",service="conduit.v1.RegistryService"} 1.0' in counted.text
        assert 'conduit_process_cpu_seconds_total{process="registry"}' in counted.text
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_wrong_configuration_is_told_in_one_line(bench: Bench) -> None:
    """Not as a traceback."""
    process = await asyncio.create_subprocess_exec(
        *MODULE,
        env={"CONDUIT_DATA_DIR": str(bench.settings.data_dir)},
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().splitlines() == [
        (
            "conduit registry: CONDUIT_MASTER_KEY is not set; `conduit serve` makes one, "
            "other commands need it given"
        )
    ]
