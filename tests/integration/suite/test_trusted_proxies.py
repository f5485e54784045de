"""Behind a proxy that is trusted, callers are who it speaks for; in front of it, who they are."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.suite import MASTER_KEY, Suite, running_suite

from conduit_kernel.login_throttle import FREE_REFUSALS
from conduit_kernel.trusted_proxies import read_trusted_proxies

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER, OTHER = "203.0.113.9", "203.0.113.10"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Trust a proxy at 127.0.0.1; whoever connects from 127.0.0.2 is none."""
    proxies = read_trusted_proxies({"CONDUIT_TRUSTED_PROXIES": "127.0.0.1"})
    folder = tmp_path_factory.mktemp("suite")
    async with running_suite(folder, trusted_proxies=proxies) as running:
        yield running


def behind(told: str, **headers: str) -> dict[str, str]:
    """Return the head of a request that a proxy passed on."""
    return {"x-forwarded-for": f"198.51.100.66, {told}", **headers}


async def test_guesses_are_counted_by_caller(suite: Suite) -> None:
    """So that who guesses locks nobody else out, and cannot change what they count as."""
    right = {"x-master-key": MASTER_KEY}
    async with httpx.AsyncClient(base_url=suite.url) as proxy:

        async def code(headers: dict[str, str]) -> str:
            answer = await proxy.get("/api/providers", headers=headers)
            return str(answer.json().get("code", ""))

        for number in range(FREE_REFUSALS + 1):
            # What they write themselves is before what their proxy adds.
            guess = {
                "x-forwarded-for": f"192.0.2.{number}, {CALLER}",
                "x-master-key": f"guess-{number}",
            }
            assert await code(guess) == "MASTER_KEY_INVALID"
        assert await code(behind(CALLER, **right)) == "LOGIN_THROTTLED"
        assert await code(behind(OTHER, **right)) == ""
        assert await code(right) == ""


async def test_allowed_networks_are_held_against_the_caller(suite: Suite) -> None:
    """Not against the proxy; and whoever says so without being a proxy is not believed."""
    await suite.add_simulator("guarded", "echo", security={"allowedIPs": [f"{CALLER}/32"]})
    await suite.settled()
    body = {"model": "guarded", "messages": [{"role": "user", "content": "hello"}]}
    key = {"authorization": f"Bearer {suite.virtual_key}"}

    async def status(client: httpx.AsyncClient, headers: dict[str, str]) -> int:
        answer = await client.post("/v1/chat/completions", json=body, headers=headers)
        return answer.status_code

    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with (
        httpx.AsyncClient(base_url=suite.url, timeout=30) as proxy,
        httpx.AsyncClient(base_url=suite.url, timeout=30, transport=elsewhere) as stranger,
    ):
        allowed = behind(CALLER, **key)
        assert await status(proxy, allowed) == 200
        for refused in (
            behind(OTHER, **key),
            key,
            {"x-forwarded-for": f"{CALLER}, {OTHER}", **key},
        ):
            assert await status(proxy, refused) >= 400
        assert await status(stranger, allowed) >= 400


async def test_the_audit_log_has_the_caller(suite: Suite) -> None:
    """As the bridge saw it."""
    made: Any
    async with suite.admin() as proxy:
        made = await proxy.post(
            "/api/virtual-keys", json={"name": "by a caller"}, headers=behind(OTHER)
        )
        assert made.is_success
        entries = (await proxy.get("/api/audit-log", params={"pageSize": 1})).json()["entries"]
    assert entries[0]["peer"] == OTHER
