"""Live voice in the playground, by the browser's own microphone, which beeps once a second."""

import re
from typing import Any

import pytest
import pytest_asyncio
from tests.console.driving import LOOKS, Driver, screenshot, violations
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What the simulator hears in any sound.
WORDS = "The quick brown fox jumps over the lazy dog."


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def world(suite: Suite) -> None:
    """Have a model to speak with."""
    await suite.add_simulator("talks", "echo")
    await suite.settled()


async def opened(driver: Driver, suite: Suite, *, may_hear: bool = True, **look: Any) -> Any:  # noqa: ANN401 # of a library that is installed apart
    """Return a page that holds a session."""
    page = await driver.log_in("playground?kind=voice", **look)
    if may_hear:
        await page.context.grant_permissions(["microphone"])
    await page.get_by_role("textbox", name="Virtual key").fill(suite.virtual_key)
    await page.keyboard.press("Enter")
    await page.get_by_role("combobox", name="Model").select_option("talks")
    await page.get_by_role("button", name="Open a session").click()
    await page.get_by_text("Connected to talks").wait_for()
    return page


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_who_speaks_is_heard_and_answered(
    driver: Driver, suite: Suite, size: tuple[int, int], scheme: str
) -> None:
    """By the keyboard alone: what was said is written down, and the answer is played to its end."""
    page = await opened(driver, suite, size=size, scheme=scheme)
    await page.locator("button:focus", has_text="Speak").wait_for()
    await page.keyboard.press("Enter")
    await page.get_by_text("Listening").wait_for()
    assert await violations(page) == []
    await page.keyboard.press("Enter")
    said = page.get_by_role("log", name="What was said")
    await said.locator(".user").get_by_text(WORDS).wait_for()
    await said.locator(".assistant").get_by_text(WORDS).wait_for()
    await page.get_by_text(re.compile(r"^first sound \d")).wait_for()
    await page.get_by_text(re.compile(r"^heard [1-9]")).wait_for()
    await page.get_by_text("Connected to talks").wait_for()
    assert await violations(page) == []
    await screenshot(page, f"voice-{size[0]}-{scheme}")
    await page.get_by_role("button", name="Hang up").click()
    await page.get_by_role("button", name="Open a session").wait_for()
    assert await said.locator(".said").count() == 2


async def test_what_is_written_is_answered_too(driver: Driver, suite: Suite) -> None:
    """For whoever has no microphone, and whose browser may use none, which is told."""
    page = await opened(driver, suite, may_hear=False)
    await page.get_by_role("button", name="Speak").click()
    await page.get_by_text("The browser may not use the microphone.").wait_for()
    await page.get_by_label("Or write").fill("Good evening")
    await page.keyboard.press("Enter")
    said = page.get_by_role("log", name="What was said")
    await said.locator(".user").get_by_text("Good evening").wait_for()
    await said.locator(".assistant").get_by_text("Good evening").wait_for()


async def test_a_session_that_is_refused_is_told(driver: Driver, suite: Suite) -> None:
    """With where to look further: a browser tells its page nothing of why."""
    number = await suite.add_simulator("talked", "echo")
    await suite.settled()
    page = await driver.log_in("playground?kind=voice")
    await page.get_by_role("textbox", name="Virtual key").fill(suite.virtual_key)
    await page.keyboard.press("Enter")
    await page.get_by_role("combobox", name="Model").select_option("talked")
    instance = await suite.call("GET", f"/api/providers/{number}")
    etag = {"if-match": instance["etag"]}
    await suite.call("PATCH", f"/api/providers/{number}", {"isEnabled": False}, headers=etag)
    await suite.settled()
    await page.get_by_role("button", name="Open a session").click()
    await page.get_by_text("The session was refused").wait_for()
    await page.get_by_role("button", name="Open a session").wait_for()
    assert await violations(page) == []
