"""Logging in and out, the menu, and what roles hide and the server refuses."""

import asyncio
from typing import Any

import pytest
from tests.console.driving import LOOKS, PHONE, Driver, loaded, screenshot, violations
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_whoever_logs_in_sees_the_overview(
    driver: Driver, size: tuple[int, int], scheme: str
) -> None:
    """And nobody else anything; out again, the cookie is gone."""
    page = await driver.open(size=size, scheme=scheme)
    await page.get_by_role("heading", name="Log in").wait_for()
    assert await violations(page) == []
    await screenshot(page, f"login-{size[0]}-{scheme}")
    await page.get_by_label("Master key or administrator's token").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_text("The master key is wrong").wait_for()
    assert await violations(page) == []
    await page.get_by_label("Master key or administrator's token").fill("test-master-key")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Overview", level=1).wait_for()
    await loaded(page)
    [cookie] = await page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    if size == PHONE:
        await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("heading", name="Log in").wait_for()
    assert await page.context.cookies() == []


async def test_a_session_lasts_over_a_reload_and_ends_with_its_token(
    driver: Driver, suite: Suite
) -> None:
    """Who was shown out is told so."""
    made = await suite.call("POST", "/api/administrators", {"name": "anna", "role": "Viewer"})
    page = await driver.log_in(token=made["token"])
    await page.reload()
    await page.get_by_text(f"administrator/{made['id']} anna").wait_for()
    await suite.call("DELETE", f"/api/administrators/{made['id']}")
    # By its address, as the page may notice by itself, and then has no link any more.
    await page.evaluate("location.hash = '#/providers'")
    await page.get_by_text("Your session is over").wait_for()


async def test_a_late_answer_ends_no_session_that_came_after_it(driver: Driver) -> None:
    """Whoever logged out while something was asked, and in again, stays there."""
    page = await driver.log_in("audit")
    may_answer = asyncio.Event()

    async def hold(route: Any) -> None:  # noqa: ANN401 # of a library that is installed apart
        await may_answer.wait()
        await route.fulfill(status=401, json={"error": "The session is over"})

    await page.route("**/api/audit-log/verification", hold)
    async with page.expect_request("**/api/audit-log/verification"):
        await page.get_by_role("button", name="Verify the chain").click()
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_label("Master key or administrator's token").fill("test-master-key")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Audit log", level=1).wait_for()
    async with page.expect_response("**/api/audit-log/verification"):
        may_answer.set()
    await page.get_by_role("link", name="Settings").click()
    await page.get_by_role("heading", name="Settings", level=1).wait_for()


async def test_roles_hide_what_the_server_refuses(driver: Driver, suite: Suite) -> None:
    """A viewer has no button that changes anything, and a page that tries is refused."""
    made = await suite.call("POST", "/api/administrators", {"name": "vera", "role": "Viewer"})
    page = await driver.log_in("providers", token=made["token"])
    await loaded(page)
    assert await page.get_by_role("button", name="Add a provider").count() == 0
    status = await page.evaluate(
        """async () => {
          const session = await (await fetch("/api/session")).json();
          const answer = await fetch("/api/providers", {
            method: "POST", headers: { "x-csrf-token": session.csrfToken },
            body: JSON.stringify({ name: "x", providerType: "Simulator" }),
          });
          return answer.status;
        }"""
    )
    assert status == 403


async def test_the_keyboard_alone_reaches_each_page(driver: Driver) -> None:
    """Past the menu at once; a page that was gone to has the focus."""
    page = await driver.log_in()
    await loaded(page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.get_by_role("link", name="Providers", exact=True).focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Providers", level=1).wait_for()
    await page.locator("#main:focus").wait_for()


async def test_a_slow_answer_is_waited_for(driver: Driver) -> None:
    """However often a page would ask anew meanwhile: it asks once more, when it has it."""
    page = await driver.open()
    await page.clock.install()
    may_answer = asyncio.Event()
    asked: list[str] = []

    async def hold(route: Any) -> None:  # noqa: ANN401 # of a library that is installed apart
        asked.append(route.request.url)
        await may_answer.wait()
        await route.continue_()

    await page.route("**/api/requests?*", hold)
    await page.get_by_label("Master key or administrator's token").fill("test-master-key")
    await page.keyboard.press("Enter")
    async with page.expect_request("**/api/requests?*"):
        await page.goto(f"{driver.url}/console#/requests")
    await page.clock.run_for(60_000)
    before = len(asked)
    await page.clock.run_for(60_000)
    assert len(asked) == before
    may_answer.set()
    await loaded(page)
    async with page.expect_request("**/api/requests?*"):
        await page.clock.run_for(5_000)


async def test_the_first_view_is_quick_and_small(driver: Driver) -> None:
    """Under 200 KB over the wire; how soon it is painted is not measured."""
    page = await driver.log_in()
    await loaded(page)
    await page.reload()
    await loaded(page)
    size = await page.evaluate(
        """performance.getEntriesByType("resource")
          .filter((each) => each.name.includes("/console"))
          .reduce((sum, each) => sum + each.encodedBodySize, 0)"""
    )
    assert 0 < size < 200_000
