"""A running simulator, and clients of it."""

from collections.abc import AsyncIterator

import httpx
import openai
import pytest

from conduit_simulator import bootstrap


@pytest.fixture
async def simulator() -> AsyncIterator[bootstrap.SimulatorProcess]:
    """Start a simulator whose chance is the same each time."""
    process = await bootstrap.start(seed=1)
    yield process
    await process.drain(0.1)


@pytest.fixture
async def http(simulator: bootstrap.SimulatorProcess) -> AsyncIterator[httpx.AsyncClient]:
    """Open a plain HTTP client."""
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{simulator.port}",
        headers={"authorization": "Bearer sk-test"},
        timeout=5,
    ) as client:
        yield client


@pytest.fixture
async def sdk(simulator: bootstrap.SimulatorProcess) -> AsyncIterator[openai.AsyncOpenAI]:
    """Open the official SDK, which has its own idea of what OpenAI's answers look like."""
    async with openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{simulator.port}/v1", api_key="sk-test", max_retries=0
    ) as client:
        yield client
