"""What became of recent requests, asked of any worker, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
from tests.support.credentials import admin_metadata
from tests.support.suite import MASTER_KEY, Suite
from tests.support.waiting import eventually

from conduit.v1.request_record_requests_pb2 import GetRequestRecordRequest
from conduit.v1.router_requests_pb2 import ExplainRouteRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_bridge import bootstrap as bridge
from conduit_kernel.rpc import connect, error_of
from conduit_router import bootstrap as router

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "a-canary-that-nobody-may-keep"
MESSAGES = [{"role": "user", "content": CANARY}]


async def chat(suite: Suite, model: str, request_id: str, **members: object) -> httpx.Response:
    """Ask for a chat under an id of the caller's own."""
    async with suite.caller() as client:
        body: dict[str, Any] = {"model": model, "messages": MESSAGES, **members}
        headers = {"x-request-id": request_id}
        return await client.post("/v1/chat/completions", json=body, headers=headers)


async def record(suite: Suite, request_id: str) -> dict[str, Any]:
    """Return what is remembered of a request."""
    found: dict[str, Any] = await suite.call("GET", f"/api/requests/{request_id}")
    return found


async def refusal(suite: Suite, path: str) -> tuple[int, str]:
    """Return the status and the code of what is refused to an operator."""
    async with suite.admin() as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()["code"]


@asynccontextmanager
async def second_worker(suite: Suite) -> AsyncIterator[str]:
    """Run another worker of the same machine, and return its address once it is asked, too."""
    routing = await router.start(suite.settings, suite.catalog, port=0)
    serving = await bridge.start(
        suite.settings, router=routing.stub, background=routing.background, port=0
    )
    try:
        # Its disk may have an older configuration, with which it is ready as well.
        await eventually(lambda: asyncio.sleep(0, routing.revision >= suite.router.revision))
        yield f"http://127.0.0.1:{serving.port}"
    finally:
        await serving.drain(0.2)
        await routing.drain(0.2)


async def test_a_chat_is_remembered_with_its_attempt(suite: Suite) -> None:
    """By the id that the answer had; whole, and in the list without its parts."""
    number = await suite.add_simulator("kept", "echo")
    await suite.settled()
    answer = await chat(suite, "kept", "req-kept-1")
    assert answer.status_code == 200
    found = await record(suite, answer.headers["x-request-id"])
    assert (found["id"], found["status"], found["code"]) == ("req-kept-1", "Succeeded", "")
    assert (found["modelAlias"], found["operation"], found["httpStatus"]) == ("kept", "chat", 200)
    assert found["keyId"] == answer.headers["x-conduit-key-id"]
    [attempt], [decision] = found["attempts"], found["decisions"]
    assert (attempt["providerId"], attempt["isSent"]) == (number, True)
    assert 0 < attempt["firstEventMs"] <= attempt["durationMs"] <= found["durationMs"]
    assert decision["candidates"][0]["providerId"] == number
    assert (decision["seed"], decision["revision"]) == (found["seed"], found["revision"])
    listed = await suite.call("GET", "/api/requests", params={"model": "kept"})
    [entry] = listed["requests"]
    assert entry["id"] == "req-kept-1"
    assert entry.get("attempts", []) == entry.get("decisions", []) == []


async def test_each_attempt_of_a_failed_call_is_remembered(suite: Suite) -> None:
    """With its status and reason; a call that is refused at once, with the reasons for that."""
    await suite.add_simulator("lost", "status-503")
    await suite.settled()
    answer = await chat(suite, "lost", "req-lost-1")
    found = await record(suite, "req-lost-1")
    assert (found["status"], found["code"]) == ("Failed", answer.json()["error"]["code"].upper())
    assert found["httpStatus"] == answer.status_code
    assert len(found["attempts"]) == found["attemptCount"] >= 1
    assert {each["upstreamStatus"] for each in found["attempts"]} == {503}
    assert {each["code"] for each in found["attempts"]} == {found["code"]}
    assert found["attempts"][-1]["pauseMs"] > 0
    provider = await suite.call("GET", f"/api/providers/{found['providerId']}")
    await suite.call("PATCH", f"/api/providers/{provider['id']}", {"isEnabled": False})
    await suite.settled()
    await chat(suite, "lost", "req-lost-2")
    refused = await record(suite, "req-lost-2")
    assert (refused["status"], refused["code"]) == ("Failed", "NO_PROVIDER_AVAILABLE")
    [why] = refused["decisions"][0]["rejections"]
    assert why["reason"] == "ProviderDisabled"
    await chat(suite, "nobody-has-this", "req-lost-3")
    assert (await record(suite, "req-lost-3"))["code"] == "MODEL_NOT_FOUND"


async def test_the_list_goes_by_model_and_status(suite: Suite) -> None:
    """Newest first."""
    await suite.add_simulator("sorted", "echo")
    await suite.settled()
    for number in range(3):
        await chat(suite, "sorted", f"req-sorted-{number}")
    await chat(suite, "sorted", "req-sorted-bad", x_conduit=1, max_tokens="many")
    listed = await suite.call("GET", "/api/requests", params={"model": "sorted"})
    ids = [each["id"] for each in listed["requests"]]
    assert ids[-3:] == ["req-sorted-2", "req-sorted-1", "req-sorted-0"]
    query = {"model": "sorted", "status": "Succeeded", "pageSize": 2}
    page = await suite.call("GET", "/api/requests", params=query)
    assert [each["id"] for each in page["requests"]] == ["req-sorted-2", "req-sorted-1"]
    query["pageToken"] = page["nextPageToken"]
    page = await suite.call("GET", "/api/requests", params=query)
    assert [each["id"] for each in page["requests"]] == ["req-sorted-0"]
    assert (page["nextPageToken"], page["isPartial"]) == ("", False)


async def test_a_request_is_found_by_whichever_worker_is_asked(suite: Suite) -> None:
    """Whoever made it; lists have those of all."""
    await suite.add_simulator("shared", "echo")
    await suite.settled()
    async with second_worker(suite) as url:
        own = {"Authorization": f"Bearer {suite.virtual_key}", "x-request-id": "req-there"}
        body = {"model": "shared", "messages": MESSAGES}
        async with httpx.AsyncClient(base_url=url, headers=own, timeout=40) as client:
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
        await chat(suite, "shared", "req-here")

        async def is_asked() -> bool:
            async with suite.admin() as client:
                return (await client.get("/api/requests/req-there")).status_code == 200

        await eventually(is_asked)
        admin = {"X-Master-Key": MASTER_KEY}
        async with httpx.AsyncClient(base_url=url, headers=admin, timeout=40) as client:

            async def is_found() -> bool:
                return (await client.get("/api/requests/req-here")).status_code == 200

            await eventually(is_found)
            listed = (await client.get("/api/requests", params={"model": "shared"})).json()
        assert [each["id"] for each in listed["requests"]] == ["req-here", "req-there"]
        assert listed["isPartial"] is False


async def listed(suite: Suite, **query: object) -> list[str]:
    """Return the ids of the requests that a list has."""
    page = await suite.call("GET", "/api/requests", params=query)
    return [each["id"] for each in page["requests"]]


async def test_what_a_worker_made_that_is_gone_is_in_the_log(suite: Suite) -> None:
    """Listed by whatever it is looked for by, and told with its attempts."""
    number = await suite.add_simulator("gone", "echo")
    await suite.settled()
    own = {"Authorization": f"Bearer {suite.virtual_key}"}
    async with second_worker(suite) as url, httpx.AsyncClient(base_url=url, headers=own) as client:
        for name, model in (("gone-1", "gone"), ("gone-2", "gone"), ("gone-3", "nobody-has-it")):
            body = {"model": model, "messages": MESSAGES, "user": name}
            await client.post("/v1/chat/completions", json=body, headers={"x-request-id": name})
    found = await record(suite, "gone-1")
    assert (found["status"], found["decisions"]) == ("Succeeded", [])
    assert found["inputTokens"] > 0
    assert found["attempts"][0]["providerId"] == number
    assert 0 < found["attempts"][0]["durationMs"] <= found["durationMs"]
    key = found["virtualKeyId"]
    for query in (
        {"model": "gone", "virtualKeyId": key, "since": "2020-01-01T00:00:00Z"},
        {"providerId": number, "operation": "chat", "keyId": found["keyId"]},
        {"idPrefix": "gone", "status": "Succeeded", "actualModelName": "echo"},
        {"model": "gone", "minDurationMs": 0, "until": "2099-01-01T00:00:00Z"},
    ):
        assert await listed(suite, **query) == ["gone-2", "gone-1"], query
    assert await listed(suite, tag="user=gone-2") == ["gone-2"]
    assert await listed(suite, code="MODEL_NOT_FOUND", idPrefix="gone") == ["gone-3"]
    assert await listed(suite, idPrefix="gone", minCostUsd="0.5") == []
    assert await listed(suite, idPrefix="gone", until="2020-01-01T00:00:00Z") == []
    assert await listed(suite, idPrefix="gone", since="2999-01-01T00:00:00Z") == []
    assert await listed(suite, idPrefix="gone", minDurationMs=2**63 - 1) == []


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "minDurationMs=-1", "minCostUsd=x", "tag=%00", "virtualKeyId=one"],
)
async def test_filters_that_make_no_sense_are_refused(suite: Suite, query: str) -> None:
    """Rather than passed over."""
    assert (await refusal(suite, f"/api/requests?{query}"))[0] == 400


async def test_without_health_each_worker_has_its_own_and_says_so(suite: Suite) -> None:
    """What it remembers itself is found; of others it does not say that they are not there."""
    await suite.add_simulator("alone", "echo")
    await suite.settled()
    await chat(suite, "alone", "req-alone")
    assert suite.health is not None
    await suite.health.drain(0.2)
    try:
        assert (await record(suite, "req-alone"))["id"] == "req-alone"
        assert await refusal(suite, "/api/requests/req-other") == (503, "SERVICE_UNAVAILABLE")
        listed = await suite.call("GET", "/api/requests", params={"model": "alone"})
        assert (len(listed["requests"]), listed["isPartial"]) == (1, True)
    finally:
        await suite.restart_health()


async def test_a_stored_decision_is_made_again(suite: Suite) -> None:
    """By the request's id, the same as it was as long as the configuration is."""
    for number in range(3):
        provider = await suite.add_simulator("again", "echo", name=f"again {number}")
        assert provider
    await suite.settled()
    for number in range(5):
        await chat(suite, "again", f"req-again-{number}")
        found = await record(suite, f"req-again-{number}")
        replayed = await suite.call(
            "POST", "/api/routes/explain", {"requestId": f"req-again-{number}"}
        )
        assert replayed == found["decisions"][0]


@pytest.mark.parametrize("name", ["req-none", "x" * 7000, "%00", "a%2Fb", "%F0%9F%98%80"])
async def test_an_id_that_nobody_has_is_not_found(suite: Suite, name: str) -> None:
    """Whatever it looks like."""
    assert await refusal(suite, f"/api/requests/{name}") == (404, "REQUEST_NOT_FOUND")


async def test_an_id_of_a_megabyte_is_refused(suite: Suite) -> None:
    """Over gRPC, where it may come whole; nothing of it comes back but its beginning."""
    channel = connect(f"127.0.0.1:{suite.router.port}")
    stub, admin = RouterServiceStub(channel), admin_metadata(MASTER_KEY)
    for call in (
        stub.GetRequestRecord(GetRequestRecordRequest(id="x" * 1_000_000), metadata=admin),
        stub.ExplainRoute(ExplainRouteRequest(request_id="y" * 1_000_000), metadata=admin),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call
        error = error_of(failed.value, "router")
        assert error.reason == "REQUEST_NOT_FOUND"
        assert len(error.message) < 200
    await channel.close()


async def test_virtual_keys_may_not_read_it(suite: Suite) -> None:
    """Not even their own."""
    await suite.add_simulator("private", "echo")
    await suite.settled()
    await chat(suite, "private", "req-private")
    async with suite.caller() as client:
        for path in ("/api/requests", "/api/requests/req-private"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "MASTER_KEY_MISSING")


async def test_nothing_of_the_conversation_is_remembered(suite: Suite) -> None:
    """Neither what was asked and answered, nor what a provider quotes, nor a secret."""
    for model in ("echo", "status-400", "cut-after-2"):
        await suite.add_simulator(f"canary-{model}", model)
    await suite.settled()
    for model in ("echo", "status-400", "cut-after-2"):
        for stream in (False, True):
            await chat(suite, f"canary-{model}", f"req-{model}-{stream}", stream=stream)
            async with suite.admin() as client:
                answer = await client.get(f"/api/requests/req-{model}-{stream}")
            assert answer.status_code == 200
            assert CANARY not in answer.text
            assert "sk-any" not in answer.text


async def traced(suite: Suite, model: str, value: str = "1", **members: object) -> httpx.Response:
    """Ask for a chat, and for what is done for it."""
    async with suite.caller() as client:
        body: dict[str, Any] = {"model": model, "messages": MESSAGES, **members}
        headers = {"x-conduit-trace": value}
        return await client.post("/v1/chat/completions", json=body, headers=headers)


async def test_a_caller_who_asks_for_a_trace_gets_one(suite: Suite) -> None:
    """In a header field of answers and errors, and at the end of streams; others get none."""
    await suite.add_simulator("traced", "echo")
    await suite.add_simulator("untraceable", "status-503")
    await suite.settled()
    answer = await traced(suite, "traced")
    assert answer.status_code == 200
    assert answer.headers["x-conduit-trace"].startswith('"traced echo";key="key_')
    error = await traced(suite, "untraceable")
    assert error.status_code == 502
    assert "code=PROVIDER_ERROR;status=503" in error.headers["x-conduit-trace"]
    stream = await traced(suite, "traced", stream=True)
    assert stream.headers["x-conduit-trace"].startswith('"traced echo";key="key_')
    last = stream.text.rstrip().rpartition("\n")[2]
    assert last.startswith(': x-conduit-trace: "traced echo";key="key_')
    assert "x-conduit-trace" not in (await traced(suite, "traced", "0")).headers
    assert "x-conduit-trace" not in (await chat(suite, "traced", "req-untraced")).headers
    assert (await traced(suite, "traced", "perhaps")).status_code == 400
