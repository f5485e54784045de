"""A whole gateway that may reach no private address, for all tests of a module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.attacks.trap import Trap, trap
from tests.support.suite import Suite, running_suite


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run the whole suite with the address policy in force."""
    folder = tmp_path_factory.mktemp("guarded")
    async with running_suite(folder, allow_private_addresses=False) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def inside() -> AsyncIterator[Trap]:
    """Return a service on this machine, which nobody may reach."""
    async with trap() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run the whole suite, whose providers are on this machine."""
    async with running_suite(tmp_path_factory.mktemp("gateway")) as running:
        yield running
