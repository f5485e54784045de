"""A gateway that is its own provider notices: a typo in a base URL floods nobody."""

import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "hi"}]


async def loop(suite: Suite) -> None:
    """Map an alias to the gateway itself, unless it is."""
    provider = await suite.call(
        "POST",
        "/api/providers",
        {
            "name": "Myself",
            "providerType": "OpenAICompatible",
            "baseUrl": f"http://127.0.0.1:{suite.bridge.port}/v1",
        },
    )
    await suite.call("POST", f"/api/providers/{provider['id']}/keys", {"apiKey": suite.virtual_key})
    await suite.call(
        "POST",
        "/api/model-provider-mappings",
        {"modelAlias": "loop", "providerId": provider["id"], "actualModelName": "loop"},
    )
    await suite.settled()


async def test_a_request_that_comes_back_again_and_again_is_refused(suite: Suite) -> None:
    """After three passes, whole and streamed, without a retry; the client is told not to try."""
    await loop(suite)
    async with suite.caller() as caller:
        for stream in (False, True):
            body = {"model": "loop", "messages": MESSAGES, "stream": stream}
            answer = await caller.post("/v1/chat/completions", json=body)
            assert answer.status_code == 508
            assert answer.json()["error"]["code"] == "loop_detected"
            assert answer.headers["x-should-retry"] == "false"


async def test_so_many_gateways_may_follow_each_other(suite: Suite) -> None:
    """Three; the fourth refuses."""
    await suite.add_simulator("short", "echo")
    await suite.settled()
    statuses = []
    async with suite.caller() as caller:
        for hops in ("0", "2", "3", "-1"):
            answer = await caller.post(
                "/v1/chat/completions",
                json={"model": "short", "messages": MESSAGES},
                headers={"x-conduit-hops": hops},
            )
            statuses.append(answer.status_code)
    assert statuses == [200, 200, 508, 508]
