"""Maintenance of all of Conduit and of single instances, as callers and operators see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite, running_suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = {"messages": [{"role": "user", "content": "one two three"}]}
WINDOWS = "/api/maintenance-windows"
MESSAGE = "The disks are being replaced"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run the whole suite with one model."""
    async with running_suite(tmp_path_factory.mktemp("suite")) as found:
        await found.add_simulator("echoed", "echo")
        await found.settled()
        yield found


@asynccontextmanager
async def maintained(suite: Suite, **said: object) -> AsyncIterator[dict[str, object]]:
    """Have maintenance under way."""
    window = await suite.call("POST", WINDOWS, {"message": MESSAGE, **said})
    try:
        yield window
    finally:
        await suite.call("DELETE", f"{WINDOWS}/{window['id']}")


async def chat(suite: Suite, model: str = "echoed", **more: object) -> httpx.Response:
    """Have something said."""
    async with suite.caller() as client:
        return await client.post("/v1/chat/completions", json={"model": model, **CHAT, **more})


async def test_calls_are_refused_with_the_operators_message(suite: Suite) -> None:
    """With a time to come back; once it is over they are answered as before."""
    async with maintained(suite) as window:
        refused = await chat(suite)
        assert (window["providerId"], window["expectedEnd"]) == (0, None)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "60"
    error = refused.json()["error"]
    assert (error["message"], error["code"]) == (MESSAGE, "under_maintenance")
    assert (await chat(suite)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "x"}),
        ("/v1/messages", {"max_tokens": 9, **CHAT}),
        ("/v1/responses", {"input": "x"}),
        ("/v1/audio/speech", {"input": "x", "voice": "alloy"}),
        ("/v1/images/generations", {"prompt": "x"}),
        ("/v1/chat/completions", {"stream": True, **CHAT}),
    ],
)
async def test_every_kind_of_call_is_refused(
    suite: Suite, path: str, body: dict[str, object]
) -> None:
    """Streams before they begin."""
    async with maintained(suite), suite.caller() as client:
        refused = await client.post(path, json={"model": "echoed", **body})
    assert refused.status_code == 503
    assert MESSAGE in refused.text


async def test_consents_are_stored_nowhere_meanwhile(suite: Suite) -> None:
    """They would be sent to a provider."""
    said, files = {"name": "n", "language": "en"}, {"recording": ("a.wav", b"RIFF")}
    async with maintained(suite), suite.caller() as client:
        refused = await client.post("/v1/audio/voice_consents", data=said, files=files)
    assert (refused.status_code, refused.json()["error"]["message"]) == (503, MESSAGE)


@pytest.mark.parametrize("method", ["tools/call", "initialize"])
async def test_tools_are_called_nowhere_meanwhile(suite: Suite, method: str) -> None:
    """Nor do sessions begin at their servers; what belongs to calls under way goes on."""
    name = method.replace("/", "-")
    body = {"name": name, "url": "https://tools.invalid/mcp", "grants": [{"tools": ["*"]}]}
    await suite.call("POST", "/api/mcp-servers", body)
    await suite.settled()
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "add"}}
    async with maintained(suite), suite.caller() as client:
        refused = await client.post(f"/mcp/{name}", json=asked)
        other = await client.post(f"/mcp/{name}", json={**asked, "method": "ping"})
    assert refused.status_code == 503
    assert MESSAGE in refused.text
    assert MESSAGE not in other.text


async def test_a_stream_that_is_under_way_ends_as_it_would(suite: Suite) -> None:
    """It began before."""
    words = " ".join(["word"] * 200)
    body = {"model": "echoed", "stream": True, "messages": [{"role": "user", "content": words}]}
    async with (
        suite.caller() as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        chunks = answer.aiter_bytes()
        first = await anext(chunks)
        async with maintained(suite):
            assert (await chat(suite)).status_code == 503
            rest = b"".join([chunk async for chunk in chunks])
    assert (first + rest).rstrip().endswith(b"[DONE]")


async def test_what_costs_nothing_goes_on(suite: Suite) -> None:
    """Whoever asks the gateway how it is finds it well, and why it takes no calls."""
    async with maintained(suite), suite.caller() as client:
        assert (await client.get("/v1/models")).status_code == 200
        ready = await client.get("/health/ready")
        await suite.call("GET", "/api/providers")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "maintenance": MESSAGE},
    )
    async with suite.caller() as client:
        assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_an_expected_end_says_when_to_come_back(suite: Suite) -> None:
    """An hour at most: it may be over sooner."""
    end = datetime.now(UTC) + timedelta(days=1)
    async with maintained(suite, expectedEnd=end.isoformat()):
        assert (await chat(suite)).headers["retry-after"] == "3600"


async def test_an_instance_under_maintenance_is_passed_over(suite: Suite) -> None:
    """With its reason; where it is the only one, callers are told so."""
    first = await suite.add_simulator("first", "echo", priority=1)
    second = await suite.add_simulator("second", "echo", priority=2)
    for number in (first, second):
        mapping = {"modelAlias": "both", "providerId": number, "actualModelName": "echo"}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()
    assert (await chat(suite, "both")).headers["x-conduit-provider"] == "first echo"
    async with maintained(suite, providerId=first):
        assert (await chat(suite, "both")).headers["x-conduit-provider"] == "second echo"
        refused = await chat(suite, "first")
        told = await suite.call("POST", "/api/routes/explain", {"model": "both"})
        reasons = {each["providerId"]: each["reason"] for each in told["rejections"]}
        assert reasons == {first: "Maintenance"}
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "under_maintenance")
    assert refused.headers["retry-after"] == "60"
    assert (await chat(suite, "both")).headers["x-conduit-provider"] == "first echo"


async def test_an_instance_that_goes_takes_its_maintenance_along(suite: Suite) -> None:
    """There is nothing left to end."""
    number = await suite.add_simulator("goes", "echo")
    await suite.call("POST", WINDOWS, {"message": MESSAGE, "providerId": number})
    await suite.call("DELETE", f"/api/providers/{number}")
    assert (await suite.call("GET", WINDOWS))["maintenanceWindows"] == []


async def test_who_began_and_ended_it_is_in_the_audit_log(suite: Suite) -> None:
    """As with everything that an administrator changes."""
    async with maintained(suite) as window:
        pass
    log = await suite.call("GET", "/api/audit-log?resourceKind=maintenance_window")
    own = [each for each in log["entries"] if each["resourceId"] == str(window["id"])]
    assert [each["action"] for each in own] == ["Deleted", "Created"]


async def test_a_task_is_refused_at_once(suite: Suite) -> None:
    """Rather than to be taken and to fail."""
    async with maintained(suite), suite.caller() as client:
        body = {"model": "echoed", "prompt": "x"}
        refused = await client.post("/v1/images/generations/async", json=body)
    assert refused.status_code == 503


async def test_maintenance_is_known_to_every_router_once_it_has_begun(suite: Suite) -> None:
    """The answer comes when it is in force."""
    for _ in range(5):
        async with maintained(suite):
            answers = await asyncio.gather(*(chat(suite) for _ in range(4)))
        assert {each.status_code for each in answers} == {503}

    async def is_over() -> bool:
        return (await chat(suite)).status_code == 200

    await eventually(is_over)


async def test_maintenance_outlasts_the_router_that_knew_of_it(suite: Suite) -> None:
    """One that starts meanwhile takes no calls either."""
    async with maintained(suite):
        await suite.stop_worker()
        await suite.start_worker()
        await suite.settled()
        assert (await chat(suite)).status_code == 503
