"""Hedging as an operator sets it, over HTTP."""

import time

import httpx
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The first candidate's time, far from that of the second.
SLOW_MS = 8000
SOON = 5.0


async def hedged(suite: Suite, alias: str) -> int:
    """Add an alias of a slow instance and a quick one, with a policy; return the quick one's id."""
    await suite.add_simulator(alias, f"echo-slow-{SLOW_MS}ms", priority=1)
    quick = await suite.add_simulator(alias, "echo", priority=2)
    policy = {"modelAlias": alias, "hedging": {"delay": "0.1s", "budget": 1.0}}
    made = await suite.call("POST", "/api/fallback-chains", policy)
    assert made["hedging"] == {"delay": "0.100s", "budget": 1.0}
    await suite.settled()
    return quick


async def chat(
    suite: Suite, alias: str, headers: dict[str, str], *, stream: bool
) -> httpx.Response:
    """Ask for a chat."""
    body = {"model": alias, "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    async with suite.caller() as client:
        return await client.post("/v1/chat/completions", json=body, headers=headers)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_slow_first_candidate_is_outrun(suite: Suite, *, stream: bool) -> None:
    """On the plain way and on the general one; the caller has one whole answer."""
    alias = f"hedged-{stream}"
    quick = await hedged(suite, alias)
    for headers in ({}, {"x-conduit-timeout": "60s"}):
        began = time.monotonic()
        answer = await chat(suite, alias, headers, stream=stream)
        assert time.monotonic() - began < SOON
        assert (answer.status_code, answer.headers["x-conduit-provider-id"]) == (200, str(quick))
        assert answer.headers["x-conduit-attempts"] == "2"
        assert answer.text.count('"finish_reason":"stop"') == 1


async def test_a_caller_who_wants_one_attempt_waits(suite: Suite) -> None:
    """As long as its own limit says."""
    await hedged(suite, "hedged-once")
    headers = {"x-conduit-max-attempts": "1", "x-conduit-timeout": "0.5s"}
    answer = await chat(suite, "hedged-once", headers, stream=False)
    assert answer.status_code == 504
