"""What needs no translation takes a shorter way; both ways are the same to whoever asks."""

import itertools
import re

import httpx
import orjson
import pytest
from tests.support.suite import Suite

from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.hedging import Drop
from conduit_router.calls.relay import Opened, open_stream
from conduit_router.calls.straight import AnyAnswer, Make
from conduit_router.routing.attempt_plan import Attempt

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The header makes the general way; its value changes nothing.
GENERAL = {"x-conduit-timeout": "600s"}
VARYING = re.compile(
    r"(x-conduit-overhead-ms|x-request-id|x-conduit-request-id|x-conduit-provider-id|x-conduit-key-id"
    r"|x-conduit-provider|x-conduit-upstream-request-id|date|retry-after)$"
)
# What a caller sees that cannot be the same twice: ids, times, names of instances.
VARIABLE = re.compile(r'"(id|created|system_fingerprint)":\s*("[^"]*"|\d+)|req_\w+|plain-\d+')
OF_AN_INSTANCE = re.compile(r'chatcmpl-\w+|key_\d+|"provider_id":"\d+"')
BEHAVIOURS = (
    "echo",
    "think",
    "tool",
    "tools",
    "policy",
    "quota",
    "context-1",
    "status-400",
    "status-401",
    "status-404",
    "status-429-retry-1",
    "status-500",
    "reset",
    "cut-after-3",
    "garbage",
    "wrong-type",
)
NUMBERS = itertools.count(1)
Seen = tuple[int, dict[str, str], str]


async def seen(suite: Suite, behaviour: str, *, stream: bool, general: bool) -> Seen:
    """Return what a caller sees of a call to an instance that nobody has used before."""
    name = f"plain-{next(NUMBERS)}"
    await suite.add_simulator(name, behaviour, name=name)
    await suite.settled()
    body = {
        "model": name,
        "messages": [{"role": "user", "content": "hello there, who are you?"}],
        "stream": stream,
        **({"stream_options": {"include_usage": True}} if stream else {}),
    }
    async with suite.caller() as client:
        answer = await client.post(
            "/v1/chat/completions", json=body, headers=GENERAL if general else {}
        )
    return told(answer)


def told(answer: httpx.Response) -> Seen:
    """Return what is the same whenever it is asked."""
    headers = {k: v for k, v in answer.headers.items() if not VARYING.match(k)}
    text = VARIABLE.sub("", answer.text)
    # Lengths follow what was left out of the text.
    headers.pop("content-length", None)
    return answer.status_code, headers, text


async def ask_generally(
    scope: CallScope, make: Make, drop: Drop[AnyAnswer]
) -> tuple[Attempt, AnyAnswer]:
    """Make attempts as `ask_straight` does where there is no straight way."""
    return await run_attempts(scope, make, drop=drop)


async def open_generally(scope: CallScope, drop: Drop[Opened]) -> tuple[Attempt, Opened]:
    """Begin streams as `open_straight` does where there is no straight way."""
    return await run_attempts(scope, open_stream, drop=drop)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_both_ways_are_the_same(
    suite: Suite, behaviour: str, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """Status, header fields and body: of good answers, and of every kind of failure."""
    # All instances are at one address, so that this call leaves a connection to be kept.
    await seen(suite, "echo", stream=False, general=False)
    plain = await seen(suite, behaviour, stream=stream, general=False)
    with monkeypatch.context() as patch:
        # Neither side of the router takes the short way.
        patch.setattr("conduit_router.calls.unary.ask_straight", ask_generally)
        patch.setattr("conduit_router.calls.stream_failover.open_straight", open_generally)
        general = await seen(suite, behaviour, stream=stream, general=True)
    assert plain == general


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"model":"nothing-of-the-kind","messages":[{"role":"user"}]}', b"\xff"],
)
@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/embeddings", "/v1beta/models/none:generateContent"],
)
async def test_refusals_are_the_same(suite: Suite, path: str, body: bytes) -> None:
    """Before any provider is asked."""
    async with suite.caller() as client:
        plain, general = [
            told(await client.post(path, content=body, headers=headers))
            for headers in ({}, GENERAL)
        ]
    assert plain == general
    assert 400 <= plain[0] < 500


@pytest.mark.parametrize("behaviour", ["echo", "status-400", "status-500", "garbage"])
async def test_a_model_in_the_path_is_the_same_on_both_ways(suite: Suite, behaviour: str) -> None:
    """What the path says is as good as what a body does; a query goes the general way as well."""
    body = orjson.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
    ways: list[tuple[str, dict[str, str]]] = [("", {}), ("", GENERAL), ("?alt=json", {})]
    found = list[Seen]()
    for query, headers in ways:
        name = f"plain-{next(NUMBERS)}"
        await suite.add_simulator(name, behaviour, name=name)
        await suite.settled()
        path = f"/v1beta/models/{name}:generateContent{query}"
        async with suite.caller() as client:
            status, fields, text = told(await client.post(path, content=body, headers=headers))
        found.append((status, fields, OF_AN_INSTANCE.sub("", text)))
    assert found[0] == found[1] == found[2]
    assert (found[0][0] == 200) == (behaviour == "echo")


async def test_strangers_are_refused_on_both_ways(suite: Suite) -> None:
    """The key is looked at before the body."""
    body = orjson.dumps({"model": "gpt", "messages": [{"role": "user", "content": "hi"}]})
    async with httpx.AsyncClient(base_url=suite.url) as client:
        for credentials in ({}, {"Authorization": "Bearer condt_none"}, {"Authorization": "x"}):
            plain, general = [
                told(await client.post("/v1/chat/completions", content=body, headers=headers))
                for headers in (credentials, credentials | GENERAL)
            ]
            assert plain == general
            assert plain[0] == 401
