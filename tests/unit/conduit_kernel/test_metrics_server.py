"""`/metrics` of a service that runs alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from conduit_kernel.background import Background
from conduit_kernel.metrics_server import MetricsServer

HOST = "127.0.0.1"


class Things(Collector):
    """What a service counts."""

    def collect(self) -> Iterator[Metric]:
        """Yield one number."""
        yield GaugeMetricFamily("things", "What there is.", value=7)


@asynccontextmanager
async def serving() -> AsyncIterator[MetricsServer]:
    """Serve what a service named `billing` counts."""
    background = Background()
    server = MetricsServer("billing", [Things()], background)
    await server.start(HOST, 0, None)
    try:
        yield server
    finally:
        await server.close()
        await background.stop()


async def ask(port: int, line: str) -> bytes:
    """Return the whole answer to a request."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(f"{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def test_it_shows_the_service_its_loops_and_its_process() -> None:
    """In Prometheus' text."""
    async with serving() as server:
        head, _, text = (await ask(server.port, "GET /metrics")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: text/plain; version=" in head
    assert b"\nthings 7.0\n" in text
    assert b'conduit_background_failing{loop="loop_lag"} 0.0' in text
    assert b"conduit_event_loop_lag_seconds_bucket" in text
    assert b'conduit_process_cpu_seconds_total{process="billing"}' in text


@pytest.mark.parametrize("line", ["GET /", "POST /metrics", "GET /metrics/../etc", "GET /api/keys"])
async def test_there_is_nothing_else(line: str) -> None:
    """Whoever scrapes needs no other path."""
    async with serving() as server:
        answer = await ask(server.port, line)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"/metrics" in answer


async def test_a_port_that_is_taken_is_an_error_of_the_system() -> None:
    """Which the process tells in a line."""
    async with serving() as server:
        other = MetricsServer("billing", [], Background())
        with pytest.raises(OSError, match="address already in use"):
            await other.start(HOST, server.port, None)
