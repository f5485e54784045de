"""The overview and the pages of providers: what they show, and what is done there."""

import re
from typing import Any

import pytest
from tests.console.driving import LOOKS, PHONE, Driver, loaded, screenshot, violations
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = {
    "script": "<script>document.title='taken'</script><img src=x onerror=alert(1)>",
    "long": "long " + "x" * 190,
    "right-to-left": "\u202eevil\u2066 \u05e9\u05dc\u05d5\u05dd",
}


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
@pytest.mark.parametrize("path", ["", "providers", "providers/1"])
async def test_pages_are_fit_for_everybody(
    driver: Driver, suite: Suite, path: str, size: tuple[int, int], scheme: str
) -> None:
    """By axe, and none is wider than a phone."""
    if not (await suite.call("GET", "/api/providers"))["providers"]:
        await suite.add_simulator("echo", "echo")
        async with suite.caller() as client:
            for model in ("echo", "nothing"):
                body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
                await client.post("/v1/chat/completions", json=body)
    page = await driver.log_in(path, size=size, scheme=scheme)
    await loaded(page)
    assert await violations(page) == []
    await screenshot(page, f"{path.replace('/', '-') or 'overview'}-{size[0]}-{scheme}")


async def add_provider(page: Any, name: str) -> None:  # noqa: ANN401 # of a library that is installed apart
    """Add an instance of the simulator by the keyboard alone."""
    await page.get_by_role("button", name="Add a provider").first.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Type").select_option("Simulator")
    await dialog.get_by_label("Name", exact=True).focus()
    await page.keyboard.type(name)
    await dialog.get_by_label("Key", exact=True).focus()
    await page.keyboard.type("sk-any")
    await page.keyboard.press("Enter")
    await dialog.wait_for(state="detached")
    await page.locator("main h1").filter(has_text=name[:20]).wait_for()


async def test_a_provider_is_added_tested_and_deleted(driver: Driver, suite: Suite) -> None:
    """With a key, which is tested, disabled and rotated there."""
    page = await driver.log_in("providers")
    await add_provider(page, "Made here")
    await page.get_by_role("button", name="Test the keys").click()
    await page.locator("[data-outcome]").wait_for()
    assert await violations(page) == []
    await page.get_by_role("button", name="Disable", exact=False).click()
    await page.get_by_role("button", name="Enable key", exact=False).wait_for()
    await page.get_by_role("button", name="Enable key", exact=False).click()
    await page.get_by_role("button", name="Rotate key", exact=False).click()
    await page.get_by_label("New key").fill("sk-other")
    assert await violations(page) == []
    await page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    await page.get_by_text("The key is rotated").wait_for()
    made = (await suite.call("GET", "/api/providers"))["providers"][-1]
    keys = (await suite.call("GET", f"/api/providers/{made['id']}/keys"))["keys"]
    assert (made["name"], [each["isEnabled"] for each in keys]) == ("Made here", [True, True])
    await page.locator("main > .head").get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await page.get_by_role("heading", name="Providers", level=1).wait_for()
    names = [each["name"] for each in (await suite.call("GET", "/api/providers"))["providers"]]
    assert "Made here" not in names


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_names_are_shown_as_they_are(driver: Driver, suite: Suite, name: str) -> None:
    """As text, which runs nothing, widens nothing and turns nothing around it over."""
    made = await suite.call("POST", "/api/providers", {"name": name, "providerType": "Simulator"})
    page = await driver.log_in("", size=PHONE)
    for path in ("", "providers", f"providers/{made['id']}"):
        await page.goto(f"{driver.url}/console#/{path}")
        await loaded(page)
        await page.get_by_text(name, exact=False).first.wait_for(state="attached")
        assert await violations(page) == []
        assert await page.title() != "taken"


async def test_what_happens_is_seen_as_it_happens(driver: Driver, suite: Suite) -> None:
    """By server-sent events: nothing is loaded anew by hand."""
    page = await driver.log_in("notifications")
    await page.locator("[data-live=true]").first.wait_for(state="attached")
    before = await page.evaluate("performance.getEntriesByType('navigation').length")
    await page.goto(f"{driver.url}/console#/providers")
    await loaded(page)
    made = await suite.call(
        "POST", "/api/providers", {"name": "Come later", "providerType": "Simulator"}
    )
    await suite.call("POST", "/api/announcements", {"message": "hello", "category": "test"})
    await page.get_by_role("link", name="Come later").wait_for()
    assert await page.evaluate("performance.getEntriesByType('navigation').length") == before
    await suite.call("DELETE", f"/api/providers/{made['id']}")


async def test_an_overview_counts_what_came(driver: Driver, suite: Suite) -> None:
    """Requests, those that failed, and what they cost; plots go with it as CSV and PNG."""
    await suite.add_simulator("counted", "echo")
    page = await driver.log_in()
    await loaded(page)
    async with suite.caller() as client:
        for model in ("counted", "no-such-model"):
            body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
            await client.post("/v1/chat/completions", json=body)
    await page.get_by_role("link", name="Model not found").wait_for()
    for kind in ("CSV", "PNG"):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=f"Requests: {kind}").click()
        saved = await (await download.value).path()
        content = saved.read_bytes()
        assert content.startswith(b"time,succeeded" if kind == "CSV" else b"\x89PNG")
    for title, begins in (
        ("Throughput", b"time,tokens read,tokens written\r\n"),
        ("Errors by reason, over time", b"time,Model not found"),
    ):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=f"{title}: CSV", exact=True).click()
        content = (await (await download.value).path()).read_bytes()
        assert content.startswith(begins)
        assert re.search(rb"\n[^,]+,[0.]*[1-9]", content)
    await page.get_by_role("button", name="24 h").click()
    await page.get_by_role("button", name="24 h", pressed=True).wait_for()
    assert "range=24h" in page.url
