"""The first-run guide, from an empty database to a first answer."""

import pytest
from tests.console.driving import LOOKS, Driver, loaded, screenshot, violations
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(("size", "scheme"), [LOOKS[0], LOOKS[3]])
async def test_the_guide_leads_from_nothing_to_an_answer(
    driver: Driver, suite: Suite, size: tuple[int, int], scheme: str
) -> None:
    """By the keyboard alone: a provider, a model, a key, a question."""
    for each in (await suite.call("GET", "/api/providers"))["providers"]:
        await suite.call("DELETE", f"/api/providers/{each['id']}")
    page = await driver.log_in("", size=size, scheme=scheme)
    await page.get_by_role("link", name="guide", exact=False).first.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="First steps").wait_for()
    await loaded(page)
    await page.get_by_label("Type").select_option("Simulator")
    await page.get_by_label("Key", exact=True).focus()
    await page.keyboard.type("sk-any")
    await page.keyboard.press("Enter")
    await page.get_by_text("The key works").wait_for()
    assert await violations(page) == []
    await page.get_by_label("Model").fill("echo")
    await page.get_by_label("Alias").focus()
    await page.keyboard.type(f"first-{scheme}")
    await page.keyboard.press("Enter")
    await page.get_by_label("Name").fill(f"First of the {scheme}")
    await page.keyboard.press("Enter")
    await page.get_by_label("Question").wait_for()
    assert await violations(page) == []
    await page.get_by_label("Question").focus()
    await page.keyboard.press("Enter")
    answer = page.locator("[data-answer]")
    await answer.get_by_text("Hello, Conduit!", exact=False).wait_for()
    await answer.get_by_role("button", name="What happened?").click()
    await answer.get_by_text("Succeeded after 1 attempt").wait_for()
    assert await violations(page) == []
    await screenshot(page, f"guide-answer-{size[0]}-{scheme}")
