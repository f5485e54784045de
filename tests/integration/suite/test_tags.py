"""What calls belong to is on their charges, and instances serve whom they may."""

from typing import Any

import httpx
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = [{"role": "user", "content": "hello"}]
CHAT: dict[str, Any] = {"model": "tagged", "messages": WORDS, "max_tokens": 4}


async def key(suite: Suite, **fields: object) -> str:
    """Make a virtual key; return its value once the router knows it."""
    made = await suite.call("POST", "/api/virtual-keys", fields)
    await suite.settled()
    return str(made["key"])


async def ask(suite: Suite, secret: str, path: str, body: object, **headers: str) -> httpx.Response:
    """Make a call."""
    own = {"Authorization": f"Bearer {secret}", **headers}
    async with httpx.AsyncClient(base_url=suite.url, headers=own, timeout=40) as client:
        return await client.post(path, json=body)


async def tags(suite: Suite, answer: httpx.Response) -> list[str]:
    """Return the tags of a call's charge."""
    assert answer.status_code == 200, answer.text
    await suite.deliver_charges()
    params = {"requestId": answer.headers["x-conduit-request-id"]}
    found = await suite.call("GET", "/api/usage/charges", params=params)
    (charge,) = found["charges"]
    return list(charge["tags"])


async def test_tags_of_key_header_and_body_are_on_the_charge(suite: Suite) -> None:
    """Each once, in this order, for each dialect and operation; the body reaches the provider."""
    await suite.add_simulator("tagged", "echo")
    secret = await key(suite, name="tags", tags=["team=search"], metadata={"owner": "anna"})
    told = {"x-conduit-tags": "run=7, nightly,team=search"}
    body = CHAT | {"user": "u1", "metadata": {"job": "index"}}
    answer = await ask(suite, secret, "/v1/chat/completions", body, **told)
    expected = ["team=search", "run=7", "nightly", "user=u1", "job=index"]
    assert await tags(suite, answer) == expected
    streamed = await ask(suite, secret, "/v1/chat/completions", body | {"stream": True}, **told)
    assert await tags(suite, streamed) == expected
    message = CHAT | {"metadata": {"user_id": "u2"}}
    answer = await ask(suite, secret, "/v1/messages", message)
    assert await tags(suite, answer) == ["team=search", "user_id=u2"]
    embedding = {"model": "tagged", "input": "hello", "user": "u3"}
    answer = await ask(suite, secret, "/v1/embeddings", embedding)
    assert await tags(suite, answer) == ["team=search", "user=u3"]
    assert await tags(suite, await ask(suite, suite.virtual_key, "/v1/embeddings", embedding)) == [
        "user=u3"
    ]


async def test_too_many_or_too_long_tags_are_refused(suite: Suite) -> None:
    """Those that a caller names on purpose must not be lost in silence."""
    await suite.add_simulator("refused", "echo")
    body = CHAT | {"model": "refused"}
    for header in (",".join(map(str, range(17))), "x" * 129):
        told = {"x-conduit-tags": header}
        answer = await ask(suite, suite.virtual_key, "/v1/chat/completions", body, **told)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tags")


async def test_a_key_is_served_by_the_instances_that_it_may_use(suite: Suite) -> None:
    """By name, with wildcards and whatever its case, or by id; others are as if they were not."""
    first = await suite.add_simulator("apart", "echo")
    await suite.add_simulator("elsewhere", "echo")
    providers = await suite.call("GET", "/api/providers")
    names = {each["id"]: each["name"] for each in providers["providers"]}
    for number, allowed in enumerate(([names[first].upper()], ["apart*"], [str(first)])):
        secret = await key(suite, name=f"some {number}", allowedProviders=allowed)
        statuses = []
        for _ in range(2):
            for model in ("apart", "elsewhere"):
                body = CHAT | {"model": model}
                answer = await ask(suite, secret, "/v1/chat/completions", body)
                statuses.append(answer.status_code)
        assert statuses == [200, 503, 200, 503]
        assert "may not be served by this instance" in answer.json()["error"]["message"]
        own = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(base_url=suite.url, headers=own) as client:
            listed = (await client.get("/v1/models")).json()["data"]
        assert [each["id"] for each in listed] == ["apart"]
