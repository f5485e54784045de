"""A running suite with what the official SDKs are pointed at."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.suite import Suite, running_suite

# Alias to the simulator's model.
MODELS = {
    "echo": "echo",
    "count": "stream-20x5ms",
    "tool": "tool",
    "tools": "tools",
    "think": "think",
    "vectors": "embed-64",
    "image": "image",
    "words": "transcribe",
    "speech": "speech",
    "limited": "status-429-retry-60",
    "broken": "status-500",
    "refused": "policy",
    "long": "context-10",
    "cut": "cut-after-3",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run the whole suite, shared by the tests of a module."""
    async with running_suite(tmp_path_factory.mktemp("suite")) as running:
        for alias, model in MODELS.items():
            await running.add_simulator(alias, model)
        await running.settled()
        yield running
