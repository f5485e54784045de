"""One performance for all tests of this folder."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from tests.integration.matrix.performance import Director, Performance
from tests.support.suite import running_suite


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def performance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Performance]:
    """Let all types speak, through the whole suite."""
    async with (
        running_suite(tmp_path_factory.mktemp("matrix"), allow_private_media=True) as suite,
        suite.admin() as admin,
        AsyncExitStack() as stack,
    ):
        yield await Director(suite, admin, stack).perform()
