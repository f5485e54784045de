"""What a virtual key's own caps of attempts, time and hedging do, over HTTP and gRPC."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.suite import Suite

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1 import router_service_pb2_grpc as rpc
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.rpc import error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Far from the caps, near for whoever waits.
SOON = 5.0
MANY = {"retries": [{"failure": "ServerError", "attempts": 9, "wait": "0.01s"}]}


async def key_of(suite: Suite, name: str, **caps: object) -> str:
    """Make a virtual key with caps, which the API tells again; return its value."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": name, **caps})
    got = await suite.call("GET", f"/api/virtual-keys/{made['id']}")
    assert {each: got[each] for each in caps} == caps
    return str(made["key"])


async def add(suite: Suite, alias: str, *models: str, **policy: Any) -> list[int]:  # noqa: ANN401 # JSON
    """Serve an alias by instances in order, under a policy; return their ids."""
    made = [
        await suite.add_simulator(alias, model, name=f"{alias} {i}", priority=i)
        for i, model in enumerate(models, 1)
    ]
    await suite.call("POST", "/api/fallback-chains", {"modelAlias": alias, **policy})
    await suite.settled()
    return made


async def chat(
    suite: Suite, key: str, model: str, *, stream: bool = False, **headers: str
) -> httpx.Response:
    """Ask for a chat over HTTP."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "hello there"}],
        "stream": stream,
    }
    asked = {f"x-conduit-{name.replace('_', '-')}": value for name, value in headers.items()}
    async with httpx.AsyncClient(base_url=suite.url, timeout=40) as client:
        return await client.post(
            "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}", **asked}
        )


@asynccontextmanager
async def router_of(suite: Suite) -> AsyncIterator["rpc.RouterServiceAsyncStub"]:
    """Yield the Router."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.router.port}") as channel:
        yield rpc.RouterServiceStub(channel)


async def failed_attempts(suite: Suite, key: str, model: str, options: CallOptions | None) -> int:
    """Return how many attempts a call over gRPC took that fails."""
    body = b'{"model":"%b","messages":[{"role":"user","content":"hi"}]}' % model.encode()
    async with router_of(suite) as router:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await router.Chat(
                pb.ChatRequest(json=body, options=options),
                metadata=(("authorization", f"Bearer {key}"),),
            )
    return int(error_of(failed.value, "router").metadata["attempts"])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_s_attempts_cap_those_of_its_calls(suite: Suite, *, stream: bool) -> None:
    """Of callers who ask for none, for more and for less; another key reaches the third one."""
    alias = f"caps-attempts-{stream}"
    await add(suite, alias, "status-500", "status-500", "echo", **MANY)
    key = await key_of(suite, alias, maxAttempts=2)
    for asked, made in (({}, "2"), ({"max_attempts": "9"}, "2"), ({"max_attempts": "1"}, "1")):
        answer = await chat(suite, key, alias, stream=stream, **asked)
        assert (answer.status_code, answer.headers["x-conduit-attempts"]) == (502, made), asked
    answer = await chat(suite, suite.virtual_key, alias, stream=stream)
    assert answer.status_code == 200
    assert int(answer.headers["x-conduit-attempts"]) > 2


async def test_a_key_s_attempts_cap_those_of_its_calls_over_grpc(suite: Suite) -> None:
    """With options and without any."""
    await add(suite, "caps-rpc", "status-500", "status-500", "status-500", **MANY)
    key = await key_of(suite, "caps-rpc", maxAttempts=2)
    assert await failed_attempts(suite, key, "caps-rpc", None) == 2
    assert await failed_attempts(suite, key, "caps-rpc", CallOptions(max_attempts=9)) == 2
    assert await failed_attempts(suite, key, "caps-rpc", CallOptions(max_attempts=1)) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_s_time_caps_that_of_its_calls(suite: Suite, *, stream: bool) -> None:
    """Of callers who ask for none and for more; the provider is not blamed for it."""
    alias = f"caps-time-{stream}"
    await add(suite, alias, "echo-slow-600ms")
    key = await key_of(suite, alias, timeout="0.200s")
    for asked in ({}, {"timeout": "60s"}, {}, {}, {}, {}):
        began = time.monotonic()
        answer = await chat(suite, key, alias, stream=stream, **asked)
        assert time.monotonic() - began < SOON
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "deadline_exceeded"
    assert (await chat(suite, suite.virtual_key, alias, stream=stream)).status_code == 200


async def test_a_key_s_time_caps_that_of_its_calls_over_grpc(suite: Suite) -> None:
    """With options and without any."""
    await add(suite, "caps-rpc-time", "hang")
    key = await key_of(suite, "caps-rpc-time", timeout="0.200s")
    body = b'{"model":"caps-rpc-time","messages":[{"role":"user","content":"hi"}]}'
    async with router_of(suite) as router:
        for options in (None, CallOptions(timeout=Duration(seconds=60))):
            began = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as late:
                await router.Chat(
                    pb.ChatRequest(json=body, options=options),
                    metadata=(("authorization", f"Bearer {key}"),),
                )
            assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert time.monotonic() - began < SOON


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_may_have_no_hedging(suite: Suite, *, stream: bool) -> None:
    """Its chats wait for the first candidate, those of others do not."""
    alias = f"caps-hedging-{stream}"
    hedging = {"delay": "0.05s", "budget": 1.0}
    slow, quick = await add(suite, alias, "echo-slow-1000ms", "echo", hedging=hedging)
    key = await key_of(suite, alias, hedgingBudget=0.0)
    answer = await chat(suite, key, alias, stream=stream)
    assert answer.headers["x-conduit-provider-id"] == str(slow)
    assert answer.headers["x-conduit-attempts"] == "1"
    answer = await chat(suite, suite.virtual_key, alias, stream=stream)
    assert answer.headers["x-conduit-provider-id"] == str(quick)


async def test_caps_change_and_are_taken_back_at_once(suite: Suite) -> None:
    """The next call has them; `null` takes one back."""
    await add(suite, "caps-change", "status-500", "echo")
    made = await suite.call("POST", "/api/virtual-keys", {"name": "caps-change"})
    assert [made[each] for each in ("maxAttempts", "timeout", "hedgingBudget")] == [None] * 3
    path = f"/api/virtual-keys/{made['id']}"
    assert (await chat(suite, made["key"], "caps-change")).status_code == 200
    await suite.call("PUT", path, {"maxAttempts": 1})
    assert (await chat(suite, made["key"], "caps-change")).status_code == 502
    await suite.call("PUT", path, {"maxAttempts": None})
    assert (await chat(suite, made["key"], "caps-change")).status_code == 200
