"""All other pages: each one's main task, by clicks or by keys, and for everybody."""

import io
import wave

import pytest
import pytest_asyncio
from tests.console.driving import LOOKS, Driver, loaded, screenshot, violations
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = (
    *("guide", "providers", "providers/1", "models", "keys", "mcp", "prices", "requests"),
    *("notifications", "audit", "playground", "settings", "nowhere"),
)


def wav_of(seconds: float) -> bytes:
    """Return a recording of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(int(seconds * 16_000) * 2))
    return made.getvalue()


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def world(suite: Suite) -> None:
    """Give each page something to show."""
    first = await suite.add_simulator("gpt", "echo")
    second = await suite.add_simulator("gpt", "echo-slow-50ms")
    await suite.add_simulator("broken", "status-500")
    steps = [{"providerId": first, "priority": 1}, {"providerId": second, "priority": 2}]
    await suite.call("POST", "/api/fallback-chains", {"modelAlias": "gpt", "providers": steps})
    price = {"modelPattern": "echo", "inputCostPer1kTokens": 0.5, "outputCostPer1kTokens": 1}
    await suite.call("POST", "/api/model-costs", price)
    group = {"name": "Team", "budgets": [{"limitUsd": 5, "period": "Month", "isHard": False}]}
    await suite.call("POST", "/api/virtual-key-groups", group)
    await suite.call("POST", "/api/administrators", {"name": "anna", "role": "Viewer"})
    tools = {"name": "tools", "url": "https://tools.example.com", "grants": [{"tools": ["add"]}]}
    await suite.call("POST", "/api/mcp-servers", tools)
    await suite.call("POST", "/api/announcements", {"message": "Hello all", "category": "test"})
    async with suite.caller() as client:
        for model in ("gpt", "gpt", "broken"):
            body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
            await client.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_pages_are_fit_for_everybody(
    driver: Driver, size: tuple[int, int], scheme: str
) -> None:
    """By axe, and none is wider than the window."""
    page = await driver.log_in(size=size, scheme=scheme)
    found: dict[str, list[str]] = {}
    for path in PAGES:
        await page.goto(f"{driver.url}/console#/{path}")
        await page.locator(f"main[data-place='{path}']").wait_for()
        await loaded(page)
        found[path] = await violations(page)
        await screenshot(page, f"{path.replace('/', '-')}-{size[0]}-{scheme}")
    assert {path: said for path, said in found.items() if said} == {}


async def test_a_model_is_mapped_and_explained(driver: Driver, suite: Suite) -> None:
    """What was mapped is where requests go; each rejection has its reason."""
    page = await driver.log_in("models")
    await page.get_by_role("button", name="Map a model").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Alias").fill("mapped here")
    await dialog.get_by_label("Model").fill("echo")
    await dialog.get_by_label("Weight").fill("7")
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Map it").click()
    await page.get_by_role("heading", name="mapped here").wait_for()
    [made] = (await suite.call("GET", "/api/model-provider-mappings?modelAlias=mapped here"))[
        "mappings"
    ]
    assert (made["actualModelName"], made["weight"], made["priority"]) == ("echo", 7, None)
    await page.get_by_role("button", name="Edit the mapping of mapped here to echo").click()
    await dialog.get_by_label("Enabled").uncheck()
    await dialog.get_by_role("button", name="Save").click()
    await dialog.wait_for(state="detached")
    await page.get_by_label("Alias of the request").fill("mapped here")
    await page.get_by_role("button", name="Explain").click()
    await page.get_by_text("Mapping disabled").wait_for()
    await page.get_by_label("Alias of the request").fill("gpt")
    await page.get_by_role("button", name="Explain").click()
    await page.get_by_role("list", name="Decision").get_by_text("1. gpt echo").wait_for()
    assert await violations(page) == []


async def test_a_chain_is_ordered_by_the_mouse_and_by_the_keyboard(
    driver: Driver, suite: Suite
) -> None:
    """What was moved is told to who does not see it, and saved as it is shown."""

    async def order() -> list[int]:
        [chain] = (await suite.call("GET", "/api/fallback-chains"))["fallbackChains"]
        steps = sorted(chain["providers"], key=lambda each: each["priority"])
        return [each["providerId"] for each in steps]

    before = await order()
    page = await driver.log_in("models")
    rows = page.get_by_role("table", name="Chain of gpt").locator("tbody tr")
    await rows.nth(0).wait_for()
    await rows.nth(1).drag_to(rows.nth(0))
    await page.get_by_role("button", name="Save the order").click()
    await page.get_by_text("The chain is saved").wait_for()
    assert await order() == before[::-1]
    await rows.nth(1).get_by_role("button", name="Move", exact=False).first.focus()
    await page.keyboard.press("Alt+ArrowUp")
    await (
        page.get_by_role("status").filter(has_text="is step 1 of 2 now").wait_for(state="attached")
    )
    await page.get_by_role("button", name="Save the order").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Undo").wait_for(state="detached")
    assert await order() == before


async def test_a_virtual_key_is_shown_once_and_works(driver: Driver, suite: Suite) -> None:
    """With its budget and its limits; who closes the dialog never sees it again."""
    page = await driver.log_in("keys")
    await page.get_by_role("button", name="Make a virtual key").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Made here")
    await dialog.get_by_label("Group").select_option("Team")
    await dialog.get_by_label("Budget in US dollars").fill("12.50")
    await dialog.get_by_label("Requests a minute").fill("60")
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Make the key").click()
    secret = await page.locator("[data-secret]").text_content()
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Done").click()
    await page.get_by_text("Made here").wait_for()
    assert secret not in await page.content()
    made = (await suite.call("GET", "/api/virtual-keys"))["virtualKeys"][-1]
    [budget] = made["budgets"]
    assert (float(budget["limitUsd"]), budget["period"], budget["isHard"]) == (12.5, "Month", True)
    assert (made["limits"]["requestsPerMinute"], made["groupId"]) == (60, 1)
    async with suite.caller() as client:
        answer = await client.get("/v1/models", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    await page.get_by_role("button", name="Disable Made here").click()
    await page.get_by_role("button", name="Enable Made here").wait_for()
    await page.get_by_role("button", name="Delete Made here").click()
    await dialog.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete Made here").wait_for(state="detached")


async def test_a_failed_request_is_found_with_what_became_of_it(
    driver: Driver, suite: Suite
) -> None:
    """In three steps: the page, the filter, the request, with its seed to the last figure."""
    page = await driver.log_in("requests")
    await page.get_by_label("Outcome").select_option("Failed")
    table = page.get_by_role("table", name="Requests")
    await table.get_by_text("broken").first.wait_for()
    assert await table.get_by_text("Succeeded").count() == 0
    await table.get_by_role("link").first.click()
    await page.get_by_role("heading", name="Attempts").wait_for()
    await page.get_by_text("status 500", exact=False).first.wait_for()
    request = page.url.rpartition("/")[2]
    [decision] = (await suite.call("GET", f"/api/requests/{request}"))["decisions"]
    await page.get_by_text(f"seed {decision['seed']}", exact=False).wait_for()
    assert await violations(page) == []
    await screenshot(page, "request-1360-light")


async def test_what_a_new_price_changes_is_shown_before_it_does(
    driver: Driver, suite: Suite
) -> None:
    """Old beside new; nothing was changed until somebody said yes."""
    page = await driver.log_in("prices")
    await page.get_by_role("button", name="Edit the price of echo").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Read, per 1,000 tokens").fill("0.75")
    await dialog.get_by_role("button", name="Show what changes").click()
    assert await dialog.locator("del").all_text_contents() == ["0.5"]
    assert await dialog.locator("ins").all_text_contents() == ["0.75"]
    assert await violations(page) == []
    [price] = (await suite.call("GET", "/api/model-costs"))["modelCosts"]
    assert float(price["inputCostPer1kTokens"]) == 0.5
    await dialog.get_by_role("button", name="Yes, this is it").click()
    await dialog.wait_for(state="detached")
    [price] = (await suite.call("GET", "/api/model-costs"))["modelCosts"]
    assert float(price["inputCostPer1kTokens"]) == 0.75
    assert float(price["outputCostPer1kTokens"]) == 1


async def test_two_models_answer_side_by_side(driver: Driver, suite: Suite) -> None:
    """Each streams into its own column, with what it took; by the keyboard."""
    page = await driver.log_in("playground")
    await page.get_by_role("textbox", name="Virtual key").fill(suite.virtual_key)
    await page.keyboard.press("Enter")
    await page.get_by_role("combobox", name="Model 2").select_option("broken")
    await page.get_by_role("combobox", name="Model 1").select_option("gpt")
    await page.get_by_label("Message").fill("Say this again")
    await page.keyboard.press("Control+Enter")
    lanes = page.locator("section.lane")
    await lanes.nth(0).locator(".said.assistant").get_by_text("Say this again").wait_for()
    await lanes.nth(0).locator("[data-told]").get_by_text("tokens").wait_for()
    await lanes.nth(1).get_by_role("alert").wait_for()
    assert await violations(page) == []
    await screenshot(page, "playground-talk-1360-light")


async def test_pictures_and_sound_are_made_and_heard(driver: Driver, suite: Suite) -> None:
    """By the simulator's models: a picture that is one, sound that plays, a recording's text."""
    for model in ("image", "speech", "transcribe"):
        await suite.add_simulator(f"{model} model", model)
    page = await driver.log_in("playground")
    await page.get_by_role("textbox", name="Virtual key").fill(suite.virtual_key)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Image").click()
    await page.get_by_label("Model", exact=True).select_option("image model")
    await page.get_by_label("Prompt").fill("a house")
    await page.get_by_role("button", name="Make it").click()
    picture = page.locator("img.answer-image")
    await picture.wait_for()
    assert await picture.evaluate("(each) => each.decode().then(() => each.naturalWidth)") > 0
    await page.get_by_role("button", name="Speech").click()
    await page.get_by_label("Model", exact=True).select_option("speech model")
    await page.get_by_label("Text").fill("Good morning")
    await page.get_by_role("button", name="Say it").click()
    sound = page.locator("audio")
    await sound.wait_for()
    assert await violations(page) == []
    recording = wav_of(0.5)
    await page.get_by_role("button", name="Transcription").click()
    await page.get_by_label("Model", exact=True).select_option("transcribe model")
    await page.get_by_label("Recording").set_input_files(
        {"name": "a.wav", "mimeType": "audio/wav", "buffer": recording}
    )
    await page.get_by_role("button", name="Write it down").click()
    await page.locator("[data-transcript]").wait_for()


async def test_what_is_announced_is_seen_at_once(driver: Driver, suite: Suite) -> None:
    """By the event itself: the page asks for nothing, and other pages count what is new."""
    page = await driver.log_in("notifications")
    await page.get_by_text("Hello all").wait_for()
    await suite.call("POST", "/api/announcements", {"message": "Told live", "category": "test"})
    await page.get_by_text("Told live").wait_for()
    await page.goto(f"{driver.url}/console#/settings")
    await suite.call("POST", "/api/announcements", {"message": "One more", "category": "test"})
    await page.get_by_role("link", name="Notifications , 1 new").wait_for()


async def test_the_audit_log_is_filtered_and_verified(driver: Driver) -> None:
    """Who did what, and that nobody changed it."""
    page = await driver.log_in("audit")
    await page.get_by_label("Kind").fill("virtual_key")
    table = page.get_by_role("table", name="Audit log")
    await table.get_by_text("virtual key", exact=False).first.wait_for()
    await page.get_by_role("button", name="Verify the chain").click()
    await page.get_by_text("The chain is whole").wait_for()
    await table.get_by_text("fields", exact=False).first.click()
    assert await violations(page) == []


async def test_an_administrator_is_made_and_the_look_is_kept(driver: Driver) -> None:
    """Their token is shown once; the dark stays dark after a reload."""
    page = await driver.log_in("settings")
    await page.get_by_role("button", name="Add an administrator").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("olga")
    await dialog.get_by_label("Role").select_option("Operator")
    await dialog.get_by_role("button", name="Add it").click()
    token = await page.locator("[data-secret]").text_content()
    await page.keyboard.press("Escape")
    await dialog.wait_for(state="detached")
    await page.get_by_role("button", name="Dark").click()
    await page.reload()
    await page.locator("html[data-theme=dark]").wait_for()
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_label("Master key or administrator's token").fill(token)
    await page.keyboard.press("Enter")
    await page.get_by_text("Operator", exact=True).first.wait_for()
    assert await page.get_by_role("link", name="Audit log").count() == 0
    await page.goto(f"{driver.url}/console#/audit")
    await page.get_by_text("This page needs the role Auditor").wait_for()
