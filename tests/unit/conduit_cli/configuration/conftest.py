"""A whole gateway for the tests of a module, and what runs commands against it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from click.testing import CliRunner, Result
from tests.support.suite import MASTER_KEY, Suite, running_suite

from conduit_cli.commands import conduit

Config = Callable[..., Awaitable[Result]]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run a gateway, whose log is not what commands print."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    async with running_suite(tmp_path_factory.mktemp("gateway")) as running:
        yield running
    structlog.reset_defaults()


@pytest.fixture
def config(suite: Suite, tmp_path: Path) -> Config:
    """Return what runs a command of `conduit config` on a file of this text."""

    async def run(command: str, text: str | None = None, *more: str) -> Result:
        file = tmp_path / "gateway.yaml"
        if text is not None:
            file.write_text(text, "utf-8")
        words = [*([str(file)] if text is not None else []), *more]
        asked = ["config", command, *words, "--url", suite.url, "--key", MASTER_KEY]
        return await asyncio.to_thread(CliRunner().invoke, conduit, asked)

    return run
