"""A gateway, and a browser that looks at it; `make console-test` installs the browser."""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.console.driving import Driver
from tests.support.suite import Suite, running_suite

INSTALLED = os.environ.get("CONDUIT_CONSOLE_TESTS", "")
# One that beeps, so that no machine needs any.
MICROPHONE = ("--use-fake-device-for-media-stream",)
BROWSERS = ("chromium", "google-chrome", "chromium-browser")


@pytest_asyncio.fixture(loop_scope="module", scope="module", name="_browser")
async def browser() -> AsyncIterator[Any]:
    """Run the browser."""
    if not INSTALLED:
        pytest.skip("`make console-test` installs it")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, "no Chromium is installed"
    # Last, so that what is there already wins.
    sys.path.append(str(Path(INSTALLED).resolve() / "python"))
    from playwright.async_api import async_playwright  # noqa: PLC0415 # installed apart

    async with async_playwright() as playwright:
        # A sandbox of its own is more than a container lets root have.
        alone = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = await playwright.chromium.launch(
            executable_path=found, args=[*alone, *MICROPHONE]
        )
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(_browser: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run a gateway for the tests of a module, with a browser to look at it."""
    async with running_suite(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def driver(_browser: Any, suite: Suite) -> AsyncIterator[Driver]:  # noqa: ANN401 # of a library that is installed apart
    """Return what opens pages of the gateway; all of them were clean at the end."""
    made = Driver(_browser, suite.url)
    yield made
    await made.close()
