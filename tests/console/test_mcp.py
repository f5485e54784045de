"""Servers of the Model Context Protocol: added, granted, disabled and deleted, by the keyboard."""

import pytest
from tests.console.driving import Driver, screenshot, violations
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "Bearer of-the-operator"


async def test_a_server_is_added_by_the_keyboard_alone(driver: Driver, suite: Suite) -> None:
    """What it gets from Conduit is kept, and shown to nobody, while its tools are granted anew."""
    page = await driver.log_in("mcp")
    await page.get_by_role("button", name="Add a server").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").focus()
    for text in ("tools", "https://tools.example.com/mcp", "Ours"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await dialog.get_by_label("Header 1", exact=True).focus()
    await page.keyboard.press("Tab")
    await page.keyboard.type(SECRET)
    await dialog.get_by_label("Tools (1)").focus()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("add, sub*")
    assert await violations(page) == []
    await screenshot(page, "mcp-dialog-1360-light")
    await page.keyboard.press("Enter")
    await dialog.wait_for(state="detached")
    await page.get_by_text("every key: add, sub*").wait_for()
    assert SECRET not in await page.content()
    [made] = (await suite.call("GET", "/api/mcp-servers"))["mcpServers"]
    assert (made["name"], made["url"]) == ("tools", "https://tools.example.com/mcp")
    assert (made["description"], made["isEnabled"]) == ("Ours", True)
    assert (made["headerNames"], made["grants"][0]["tools"]) == (["authorization"], ["add", "sub*"])


async def test_tools_are_granted_to_one_key_and_taken_back(driver: Driver, suite: Suite) -> None:
    """The headers stay as they were; a server that is deleted is gone."""
    body = {"name": "others", "url": "https://other.example.com", "headers": {"x-token": SECRET}}
    await suite.call("POST", "/api/mcp-servers", body | {"grants": [{"tools": ["*"]}]})
    page = await driver.log_in("mcp")
    dialog = page.get_by_role("dialog")
    await page.get_by_role("button", name="Edit others").click()
    await dialog.get_by_role("button", name="Grant tools").click()
    await dialog.get_by_label("Who may (2)").select_option("tests")
    await dialog.get_by_label("Tools (2)").fill("look")
    await dialog.get_by_role("button", name="Take back grant 1").click()
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_text("tests: look").wait_for()
    listed = (await suite.call("GET", "/api/mcp-servers"))["mcpServers"]
    [changed] = [each for each in listed if each["name"] == "others"]
    [grant] = changed["grants"]
    assert (grant["virtualKeyId"], grant["tools"]) == (1, ["look"])
    assert changed["headerNames"] == ["x-token"]
    await page.get_by_role("button", name="Disable others").click()
    await page.get_by_role("button", name="Enable others").wait_for()
    await page.get_by_role("button", name="Delete others").click()
    await dialog.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Edit others").wait_for(state="detached")
    listed = (await suite.call("GET", "/api/mcp-servers"))["mcpServers"]
    assert [each for each in listed if each["name"] == "others"] == []


async def test_viewers_change_no_server(driver: Driver, suite: Suite) -> None:
    """They see what is granted to whom."""
    seen = {"name": "seen", "url": "https://seen.example.com", "grants": [{"tools": ["see*"]}]}
    await suite.call("POST", "/api/mcp-servers", seen)
    made = await suite.call("POST", "/api/administrators", {"name": "vera", "role": "Viewer"})
    page = await driver.log_in("mcp", token=made["token"])
    await page.get_by_role("heading", name="MCP servers", level=1).wait_for()
    await page.get_by_text("every key: see*").wait_for()
    assert await page.locator("main").get_by_role("button").count() == 0
