"""Retries by class of failure, as an operator writes them, over HTTP."""

from typing import Any

import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def attempts(
    suite: Suite, alias: str, fault: str, chain: dict[str, Any], *, stream: bool
) -> int:
    """Return how many attempts a chat takes whose first step fails, and whose second answers."""
    first = await suite.add_simulator(alias, fault)
    second = await suite.add_simulator(alias, "echo")
    steps = [{"providerId": first, "priority": 1}, {"providerId": second, "priority": 2}]
    steps[0] |= chain.pop("step", {})
    await suite.call(
        "POST", "/api/fallback-chains", {"modelAlias": alias, "providers": steps, **chain}
    )
    await suite.settled()
    body = {"model": alias, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    async with suite.caller() as client:
        answer = await client.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.headers["x-conduit-provider-id"]) == (200, str(second))
    return int(answer.headers["x-conduit-attempts"])


def overloaded(number: int) -> dict[str, Any]:
    """Return a policy of so many attempts."""
    return {"retries": [{"failure": "Overloaded", "attempts": number, "wait": "0.02s"}]}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("name", "fault", "chain", "expected"),
    [
        ("usual", "status-503", {}, 3),
        ("four", "status-503", overloaded(4), 5),
        ("once", "status-503", overloaded(1), 2),
        ("other", "status-500", overloaded(4), 3),
        ("step", "status-503", overloaded(4) | {"step": overloaded(2)}, 3),
    ],
)
async def test_the_operator_says_how_often_a_step_is_asked(  # a table
    suite: Suite, name: str, fault: str, chain: dict[str, Any], expected: int, *, stream: bool
) -> None:
    """By class of failure, for the chain and for a step of it."""
    alias = f"retries-{name}-{stream}"
    assert await attempts(suite, alias, fault, dict(chain), stream=stream) == expected
