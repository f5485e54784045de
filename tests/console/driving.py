"""Drives a browser through the console, and judges what it shows."""

import re
from pathlib import Path
from typing import Any

from tests.support.suite import MASTER_KEY

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = ROOT / "build" / "console-tests" / "screenshots"
DESKTOP, PHONE = (1360, 900), (390, 844)
LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
# Milliseconds: the bound of a wait, whatever the machine does beside.
PATIENCE_MS = 30_000
# What a browser says of answers that a page shows to its user in its own words.
_EXPECTED = re.compile(
    r"Failed to load resource: the server responded with a status of (4\d\d|502)"
    r"|WebSocket connection to '.*' failed: Error during WebSocket handshake: "
    r"Unexpected response code: (4\d\d|50[23])"
)


class Driver:
    """Opens pages, and remembers what went wrong in any of them."""

    def __init__(self, browser: Any, url: str) -> None:  # noqa: ANN401 # of a library that is installed apart
        self._browser = browser
        self.url = url
        self.contexts: list[Any] = []
        self.errors: list[str] = []

    async def open(
        self, path: str = "", *, size: tuple[int, int] = DESKTOP, scheme: str = "light"
    ) -> Any:  # noqa: ANN401 # as above
        """Open the console in a browser of its own, where nobody has logged in."""
        width, height = size
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        await page.goto(f"{self.url}/console#/{path}")
        return page

    async def log_in(self, path: str = "", *, token: str = MASTER_KEY, **look: Any) -> Any:  # noqa: ANN401 # as above
        """Open a page as whose token it is."""
        page = await self.open(path, **look)
        await page.get_by_label("Master key or administrator's token").fill(token)
        await page.keyboard.press("Enter")
        await page.locator("nav[aria-label=Pages]").wait_for(state="attached")
        return page

    async def close(self) -> None:
        """Close all; fails the test where a page threw, or broke the policy of its scripts."""
        for context in self.contexts:
            await context.close()
        assert not self.errors, self.errors

    def _note(self, message: Any) -> None:  # noqa: ANN401 # as above
        if message.type == "error" and not _EXPECTED.match(message.text):
            self.errors.append(message.text)


async def loaded(page: Any) -> None:  # noqa: ANN401 # as above
    """Wait until nothing of a page is being loaded."""
    await page.locator("main h1").first.wait_for()
    # What was found first is not all that there is: they are waited for one by one.
    for _ in range(await page.locator("main .loading").count()):
        await page.locator("main .loading").first.wait_for(state="detached")


async def violations(page: Any) -> list[str]:  # noqa: ANN401 # as above
    """Return what axe finds against WCAG 2.2 AA and its own advice, and what overflows."""
    client = await page.context.new_cdp_session(page)
    # The page's policy runs no script of ours; the browser's own tools are not held to it.
    await client.send("Runtime.evaluate", {"expression": AXE.read_text()})
    ran = await client.send(
        "Runtime.evaluate",
        {"expression": f"({_JUDGE})()", "awaitPromise": True, "returnByValue": True},
    )
    await client.detach()
    assert "value" in ran["result"], ran
    found: list[str] = ran["result"]["value"]
    return found


async def screenshot(page: Any, name: str) -> None:  # noqa: ANN401 # as above
    """Keep what a page looks like, for who looks at it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


_JUDGE = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  const said = found.violations.flatMap((each) =>
    each.nodes.map((node) => `${each.id}: ${node.html.slice(0, 200)}`));
  const wide = document.documentElement.scrollWidth - innerWidth;
  return wide > 0 ? [...said, `wider than the window by ${wide}`] : said;
}"""
