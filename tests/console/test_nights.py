"""Nights on which somebody is called: from the console alone, in three steps at most.

Each begins at the overview with what a caller sees, and ends where a page's words name the cause.
`tests/integration/suite/test_nights.py` finds the same causes from the command line.
"""

import re
from typing import Any

import pytest
import pytest_asyncio
from tests.console.driving import Driver, loaded
from tests.support import nights
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_STEPS = 3


class Operator:
    """Somebody who looks for a cause, and whose steps are counted: each is a click or a choice."""

    def __init__(self, page: Any) -> None:  # noqa: ANN401 # of a library that is installed apart
        self._page = page
        self._main = page.locator("main")
        self._steps = 0

    async def go(self, name: str) -> None:
        """Choose a page of the menu."""
        self._step()
        await self._page.get_by_label("Pages").get_by_role("link", name=name, exact=True).click()
        await self._page.get_by_role("heading", name=name, level=1).wait_for()

    async def fill(self, label: str, value: str) -> None:
        """Fill a filter."""
        self._step()
        await self._main.get_by_label(label, exact=True).fill(value)

    async def follow(self, link: str) -> None:
        """Follow a link of the page."""
        self._step()
        await self._main.get_by_role("link", name=link).first.click()
        await loaded(self._page)

    async def open_request(self, alias: str) -> None:
        """Open the newest request of an alias that failed."""
        self._step()
        row = self._main.get_by_role("row").filter(has_text=alias).first
        await row.get_by_role("link").first.click()
        await self._page.get_by_role("heading", name="Attempts").wait_for()

    async def explain(self, alias: str) -> None:
        """Ask where a request of an alias would go."""
        self._step()
        await self._main.get_by_label("Alias of the request").fill(alias)
        await self._main.get_by_role("button", name="Explain").click()

    async def reads(self, words: str | re.Pattern[str], *, row: str = "") -> None:
        """Wait until the page says so: in the row of a table that has another text, if given."""
        where = self._main.get_by_role("row").filter(has_text=row) if row else self._main
        await where.get_by_text(words).first.wait_for()

    def _step(self) -> None:
        self._steps += 1
        assert self._steps <= MOST_STEPS


@pytest_asyncio.fixture(loop_scope="module", name="operator")
async def called(driver: Driver) -> Operator:
    """Log in, as whoever was called: what they see first is the overview."""
    return Operator(await driver.log_in())


def said(cause: tuple[str, ...]) -> re.Pattern[str]:
    """Return what a page says of a cause, any of whose names will do."""
    return re.compile("|".join(each.replace("_", "[_ ]") for each in cause), re.IGNORECASE)


@pytest.mark.parametrize(("model", "cause"), nights.FAULTS)
async def test_what_a_provider_did_is_shown(
    operator: Operator, suite: Suite, model: str, cause: tuple[str, ...]
) -> None:
    """Of its key, its account, its load, a mapping's name: with the instance and the key."""
    alias = await nights.a_provider_fails(suite, model)
    await operator.go("Requests")
    await operator.open_request(alias)
    await operator.reads(said(cause))
    await operator.reads(f"{alias} {model} · {model}")
    await operator.reads(re.compile(r"\bkey_\w+"))


async def test_a_stream_that_broke_off_is_shown(operator: Operator, suite: Suite) -> None:
    """The caller has half an answer."""
    await nights.a_stream_breaks_off(suite)
    await operator.go("Requests")
    await operator.reads("Stream interrupted", row="night-cut")


async def test_an_alias_that_is_misspelt_is_shown(operator: Operator, suite: Suite) -> None:
    """Whose callers ask for it, too."""
    await nights.an_alias_is_misspelt(suite)
    await operator.go("Requests")
    await operator.reads("Model not found", row="night-gtp")
    await operator.go("Models")
    await operator.explain("night-gtp")
    await operator.reads(re.compile("MODEL_NOT_FOUND"))


async def test_an_instance_that_was_turned_off_is_shown(operator: Operator, suite: Suite) -> None:
    """By whoever says where the next request would go."""
    await nights.an_instance_is_turned_off(suite)
    await operator.go("Models")
    await operator.explain("night-off")
    await operator.reads("Provider disabled")


async def test_a_virtual_key_that_may_not_use_a_model_is_shown(
    operator: Operator, suite: Suite
) -> None:
    """And what it may use, beside the request that it was refused."""
    await nights.a_model_is_not_allowed(suite)
    await operator.go("Requests")
    await operator.open_request("night-closed")
    await operator.reads(re.compile("MODEL_NOT_|PERMISSION"))
    await operator.follow("closed")
    await operator.reads("other", row="closed")


async def test_a_virtual_key_that_has_expired_is_shown(operator: Operator, suite: Suite) -> None:
    """Its calls come no further than the door, so that no request is remembered."""
    await nights.a_key_has_expired(suite)
    await operator.go("Virtual keys")
    await operator.reads(re.compile("^expired 1 Jan 2020"), row="night-old")


async def test_a_model_that_is_slow_is_shown(operator: Operator, suite: Suite) -> None:
    """With how long it took, and whose it is."""
    await nights.a_model_is_slow(suite)
    await operator.go("Requests")
    await operator.fill("At least, in ms", "50")
    await operator.reads("night-slow echo-slow-50ms", row="night-slow")


async def test_a_spent_budget_is_shown(operator: Operator, suite: Suite) -> None:
    """With the virtual key whose it is, and what is left of it."""
    await nights.a_budget_is_spent(suite)
    await operator.go("Requests")
    await operator.open_request("night-spent")
    await operator.reads("BUDGET_EXCEEDED")
    await operator.follow("poor")
    await operator.reads(re.compile(r"of \$0\.001 in all"), row="poor")


async def test_calls_without_a_price_are_shown(operator: Operator, suite: Suite) -> None:
    """By the overview's cost, which says how many there are, and leads to whose they are."""
    await nights.calls_have_no_price(suite)
    await operator.follow("without a price")
    await operator.reads("night-free")
