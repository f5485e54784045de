"""Whoever guesses the master key waits; who has a token, or calls from elsewhere, does not."""

from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1.provider_requests_pb2 import ListProvidersRequest
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit_kernel.login_throttle import FREE_REFUSALS
from conduit_kernel.rpc import error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG, RIGHT = {"x-master-key": "wrong"}, {"x-master-key": MASTER_KEY}
GUESSES = [{"x-master-key": f"guess-{number}"} for number in range(FREE_REFUSALS + 1)]


async def test_over_http(suite: Suite) -> None:
    """The right key waits as well, as the next guess may be it; tokens do not wait."""
    # For the last test, too: from here on this address may have to wait.
    await suite.add_simulator("health", "echo")
    made = await suite.call("POST", "/api/administrators", {"name": "anna", "role": "Viewer"})
    token = {"authorization": f"Bearer {made['token']}"}
    async with httpx.AsyncClient(base_url=suite.url, timeout=40) as client:
        for guess in GUESSES:
            answer = await client.get("/api/providers", headers=guess)
            assert answer.json()["code"] == "MASTER_KEY_INVALID"
        for headers in (WRONG, RIGHT):
            answer = await client.get("/api/providers", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (429, "LOGIN_THROTTLED")
            assert int(answer.headers["retry-after"]) >= 1
        assert (await client.get("/api/providers", headers=token)).status_code == 200
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(base_url=suite.url, transport=elsewhere) as other:
        assert (await other.get("/api/providers", headers=RIGHT)).status_code == 200


async def test_over_grpc(suite: Suite) -> None:
    """On each port by itself; the list of health says no more than to anybody meanwhile."""
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['registry']}")
    async with channel:
        stub: Any = RegistryServiceStub(channel)

        async def reason_for(given: dict[str, str]) -> str:
            try:
                await stub.ListProviders(ListProvidersRequest(), metadata=tuple(given.items()))
            except grpc.RpcError as error:
                return error_of(error, "registry").reason
            return ""

        assert await reason_for(RIGHT) == ""
        for guess in GUESSES:
            assert await reason_for(guess) == "MASTER_KEY_INVALID"
        assert await reason_for(WRONG) == "LOGIN_THROTTLED"
        assert await reason_for(RIGHT) == "LOGIN_THROTTLED"


async def test_the_list_of_health_answers_no_guesses(suite: Suite) -> None:
    """It would tell a right key from a wrong one."""
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['health']}")
    async with channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)

        async def shows_providers(given: dict[str, str]) -> bool:
            request: Any = health_pb2
            answer = await stub.List(request.HealthListRequest(), metadata=tuple(given.items()))
            return any(name.startswith("provider/") for name in answer.statuses)

        assert await shows_providers(RIGHT)
        for guess in GUESSES:
            assert not await shows_providers(guess)
        assert not await shows_providers(RIGHT)
