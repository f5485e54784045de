"""Every list comes in pages, in its order, over HTTP."""

import re
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit.v1.role_pb2 import ROLE_VIEWER
from conduit_kernel.login_sessions import LoginSessions, Person
from conduit_kernel.rpc import connect, service_metadata

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Each with the member that holds the items. Charges, requests and the audit log are newest first.
LISTS = {
    "/api/providers": "providers",
    "/api/providers/{provider}/keys": "keys",
    "/api/providers/{provider}/models": "models",
    "/api/providers/{provider}/health/history": "history",
    "/api/providers/{provider}/rate-limits": "rateLimits",
    "/api/provider-types": "providerTypes",
    "/api/provider-health": "providers",
    "/api/model-provider-mappings": "mappings",
    "/api/fallback-chains": "fallbackChains",
    "/api/virtual-keys": "virtualKeys",
    "/api/virtual-key-groups": "virtualKeyGroups",
    "/api/mcp-servers": "mcpServers",
    "/api/maintenance-windows": "maintenanceWindows",
    "/api/administrators": "administrators",
    "/api/administrator-sessions": "administratorSessions",
    "/api/audit-log": "entries",
    "/api/requests": "requests",
    "/api/model-costs": "modelCosts",
    "/api/usage/charges": "charges",
    "/api/usage/costs": "costBreakdown",
    "/api/webhooks": "webhooks",
    "/api/webhooks/{webhook}/deliveries": "deliveries",
}
# Of callers, in a form of its own: `tests/conformance/test_google_contents.py`.
OF_CALLERS = {"/v1beta/models"}
# What changes while it is looked at; those that hold still must be there twice at least.
FEW = {"history", "rateLimits", "deliveries"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(suite: Suite) -> int:
    """Return an instance of which there is some of everything."""
    numbers = [await suite.add_simulator(f"listed-{n}", "echo") for n in range(2)]
    number = numbers[0]
    for n, each in enumerate(numbers):
        await suite.call("POST", f"/api/providers/{number}/keys", {"apiKey": f"sk-{n}-0123456789"})
        chain = {"modelAlias": f"listed-{n}", "providers": [{"providerId": each, "priority": 1}]}
        await suite.call("POST", "/api/fallback-chains", chain)
        await suite.call("POST", "/api/virtual-keys", {"name": f"listed-{n}"})
        await suite.call("POST", "/api/virtual-key-groups", {"name": f"listed-{n}"})
        server = {"name": f"listed-{n}", "url": "http://127.0.0.1:1/mcp"}
        await suite.call("POST", "/api/mcp-servers", server)
        resting = {"name": f"resting-{n}", "providerType": "OpenAI"}
        resting_id = (await suite.call("POST", "/api/providers", resting))["id"]
        window = {"providerId": resting_id, "message": "new disks"}
        await suite.call("POST", "/api/maintenance-windows", window)
        reader = {"name": f"listed-{n}", "role": "Viewer"}
        await suite.call("POST", "/api/administrators", reader)
        webhook = {"url": f"http://127.0.0.1:1/{n}", "kinds": ["KeyWithoutFunds"]}
        await suite.call("POST", "/api/webhooks", webhook)
        cost = {"inputCostPer1kTokens": 1, "outputCostPer1kTokens": 1}
        await suite.call("POST", "/api/model-costs", {"modelPattern": f"listed-{n}", **cost})
    await log_in(suite)
    await suite.settled()
    await suite.call("POST", f"/api/providers/{number}/discover")
    async with suite.caller() as client:
        for n in range(2):
            message = {"role": "user", "content": "hello"}
            body = {"model": f"listed-{n}", "messages": [message]}
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200

    async def is_all_there() -> bool:
        charges = await suite.call("GET", "/api/usage/charges")
        health = await suite.call("GET", "/api/provider-health")
        return min(len(charges["charges"]), len(health["providers"])) > 1

    await eventually(is_all_there)
    return number


async def log_in(suite: Suite) -> None:
    """Have two administrators log in."""
    async with connect(suite.settings.target("registry")) as registry:
        sessions = LoginSessions(registry, service_metadata(suite.settings.service_tokens[0]))
        for name in ("anna", "berta"):
            person = Person(name, name, ROLE_VIEWER)
            await sessions.begin(person, 3600, address="203.0.113.7", request_id="")


async def pages(client: httpx.AsyncClient, path: str, member: str, size: int) -> list[Any]:
    """Return all items of a list, fetched page by page."""
    found: list[Any] = []
    token = ""
    while True:
        answer = await client.get(path, params={"pageSize": size, "pageToken": token})
        assert answer.status_code == 200, answer.text
        document = answer.json()
        found += document[member]
        if not (token := document["nextPageToken"]):
            return found
        assert len(document[member]) == size


@pytest.mark.parametrize("template", LISTS)
async def test_pages_make_up_the_list(suite: Suite, provider: int, template: str) -> None:
    """Each item once, in the order of the list, whatever the size of the pages."""
    member, path = LISTS[template], template.format(provider=provider, webhook=1)
    async with suite.admin() as client:
        whole = await pages(client, path, member, 1000)
        assert len(whole) >= (0 if member in FEW else 2)
        for size in (1, 3):
            assert await pages(client, path, member, size) == whole


@pytest.mark.parametrize("template", LISTS)
async def test_a_page_that_makes_no_sense_is_refused(
    suite: Suite, provider: int, template: str
) -> None:
    """A size out of range, and a token that no answer gave."""
    path = template.format(provider=provider, webhook=1)
    async with suite.admin() as client:
        for name, value in (("pageSize", "-1"), ("pageSize", "10001"), ("pageToken", "x")):
            answer = await client.get(path, params={name: value})
            assert answer.status_code == 400
            assert answer.json()["field"] == name


async def test_no_list_is_forgotten(suite: Suite) -> None:
    """All that are documented with pages are above, and all with a list of resources have pages."""
    async with suite.admin() as client:
        document = (await client.get("/openapi.json")).json()
    found = set()
    for path, operations in document["paths"].items():
        parameters = operations.get("get", {}).get("parameters", ())
        if any(each["name"] == "pageToken" for each in parameters):
            found.add(path)
    listed = {re.sub(r"{(provider|webhook)}", r"{\1Id}", each) for each in LISTS}
    assert found == listed | OF_CALLERS
