"""The documentation, by a browser: what a page begins with runs, and the search finds."""

import re

import pytest
from tests.console.driving import Driver
from tests.support.suite import Suite

from conduit_bridge.documentation.pages import Pages, folder

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not Pages(folder()).is_made, reason="`make docs` makes it"),
]


async def test_a_page_is_shown_and_another_one_is_found(driver: Driver, suite: Suite) -> None:
    """By keys alone; whatever the policy of the pages forbids fails the test."""
    page = await driver.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{suite.url}/docs/reference/errors.html")
    await page.get_by_role("heading", name="PROVIDER_NOT_FOUND").wait_for()
    await page.keyboard.press("/")
    await page.keyboard.type("CONDUIT_HTTP_PORT")
    await page.locator(".md-search-result__link").first.wait_for()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/docs/(operating|reference/settings)\.html"))
    # Nothing of it is anybody else's.
    assert {url for url in asked if not url.startswith((suite.url, "data:", "blob:"))} == set()
