"""A running suite for each test module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.suite import Suite, running_suite

# The provider type that the guide adds in its last chapter, as the one file that it takes.
NEW_PROVIDER = """
name = "NewProvider"
display_name = "New Provider"
base_url = "https://api.new-provider.example/v1"
sources = ["https://docs.new-provider.example"]
checked_on = "2026-11-23"

[auth]
kind = "bearer"
description = "An API key"

[endpoints.chat]
codec = "openai_chat"
path = "/chat/completions"
capabilities = ["stream"]
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run the whole suite, shared by the tests of a module."""
    catalog = tmp_path_factory.mktemp("catalog")
    (catalog / "new_provider.toml").write_text(NEW_PROVIDER)
    async with running_suite(tmp_path_factory.mktemp("suite"), catalog_dir=catalog) as running:
        yield running
