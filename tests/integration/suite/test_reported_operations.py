"""What operators of gateways tripped over in their first hours, as they reported it.

Each test names its reports.
"""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from tests.support.chat_answers import HI, chat
from tests.support.reported_providers import ReportedProviders, completion, reported_providers
from tests.support.scripted_upstream import JSON, answer
from tests.support.suite import Suite

from conduit_kernel.http import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVER = ("OpenAICompatible", "Qwen/Qwen2.5-32B-Instruct")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[ReportedProviders]:
    """Run the providers, shared by the tests of this module."""
    async with reported_providers(suite) as running:
        yield running


@pytest.mark.parametrize("end", ["/v1", "/v1/", "/v1//"])
async def test_a_base_url_may_end_in_a_slash(
    suite: Suite, providers: ReportedProviders, end: str
) -> None:
    """maximhq/bifrost#6562, FerroxLabs/wayland#1178 (`/v1/v1`), sigoden/aichat#767 (a slash)."""
    paths: list[str] = []

    async def act(exchange: Exchange) -> None:
        paths.append(exchange.path)
        exchange.respond(200, JSON, completion())

    alias = f"base {end}"
    made = await providers.add(alias, *SERVER, act)
    place = next(place for place, each in providers.aliases.items() if each == alias)
    url = f"{providers.url}/{place}{end}"
    await suite.call("PATCH", f"/api/providers/{made}", {"baseUrl": url})
    await suite.settled()
    assert (await chat(suite, alias)).status == 200
    assert paths == ["v1/chat/completions"]


async def test_a_server_without_keys_is_asked_without_one(
    suite: Suite, providers: ReportedProviders
) -> None:
    """langwatch/langwatch#5325, open-webui/open-webui#3330: where nothing is asked for."""
    shown: list[bytes | None] = []

    async def act(exchange: Exchange) -> None:
        shown.append(exchange.headers.get(b"authorization"))
        exchange.respond(200, JSON, completion())

    providers.acts["open"], providers.aliases["open"], providers.bodies["open"] = act, "open", []
    asked = {"name": "open", "providerType": "OpenAICompatible", "baseUrl": f"{providers.url}/open"}
    made = await suite.call("POST", "/api/providers", asked)
    await providers.map("open", made["id"], "m")
    got = await chat(suite, "open")
    assert got.status == 200, got.text
    assert shown == [None]


async def test_a_key_that_names_no_models_may_use_and_sees_all(
    suite: Suite, providers: ReportedProviders
) -> None:
    """QuantumNous/new-api#1917, Portkey-AI/gateway#1371: no models were listed then."""
    await providers.add("seen", *SERVER, answer(completion()))
    made = await suite.call("POST", "/api/virtual-keys", {"name": "all", "allowedModels": []})
    await suite.settled()
    headers = {"authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers) as caller:
        models = {each["id"] for each in (await caller.get("/v1/models")).json()["data"]}
        got = await caller.post("/v1/chat/completions", json={"model": "seen", "messages": HI})
    assert "seen" in models
    assert got.status_code == 200


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/chat/completions", {"messages": HI}),
        ("/v1/messages", {"messages": HI, "max_tokens": 9}),
        ("/v1/responses", {"input": "hi"}),
    ],
)
async def test_tokens_are_counted_whatever_is_spoken(
    suite: Suite, providers: ReportedProviders, path: str, asked: dict[str, object]
) -> None:
    """higress-group/higress#4183: tokens of Responses were in no metric."""
    alias = f"counted {path}"
    await providers.add(alias, *SERVER, answer(completion()))
    place = next(place for place, each in providers.aliases.items() if each == alias)
    async with suite.caller() as caller:
        got = await caller.post(path, json={"model": alias, **asked})
        text = (await caller.get("/metrics")).text
    assert got.status_code == 200, got.text
    counted = {
        sample.labels["unit"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "conduit_usage_total" and sample.labels["provider"] == place
    }
    assert counted == {"input_tokens": 5, "output_tokens": 2}
