"""Limits of attempts, by callers' headers, in the RPC's options, and by mappings."""

import time
from collections.abc import Sequence

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.suite import Suite

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1 import router_service_pb2_grpc as rpc
from conduit.v1.call_pb2 import CallOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEADERS = (
    "x-conduit-timeout",
    "x-conduit-connect-timeout",
    "x-conduit-first-token-timeout",
    "x-conduit-idle-timeout",
    "x-conduit-attempt-timeout",
)
NONSENSE = ("-1", "-0.5s", "0", "1e999", "nan", "inf", "soon", "100000000000", "3601", "", "1,5")
# Far from the limits that are usual, near for whoever waits.
SOON = 5.0


async def chat(
    suite: Suite, model: str, headers: dict[str, str] | None = None, **members: object
) -> httpx.Response:
    """Ask for a chat."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello there"}], **members}
    async with suite.caller() as client:
        return await client.post("/v1/chat/completions", json=body, headers=headers)


async def add(suite: Suite, alias: str, *models: str) -> Sequence[int]:
    """Add instances of an alias, in order."""
    made = [
        await suite.add_simulator(alias, model, priority=i) for i, model in enumerate(models, 1)
    ]
    await suite.settled()
    return made


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("limit", ["first-token", "attempt"])
async def test_a_caller_s_limit_turns_to_the_next_and_blames_nobody(
    suite: Suite, limit: str, *, stream: bool
) -> None:
    """More often than a circuit takes, and a caller without limits is served by the first."""
    alias = f"limit-{limit}-{stream}"
    slow, quick = await add(suite, alias, "echo-slow-600ms", "echo")
    headers = {f"x-conduit-{limit}-timeout": "0.2s"}
    for _ in range(6):
        answer = await chat(suite, alias, headers, stream=stream)
        assert answer.status_code == 200
        assert answer.headers["x-conduit-provider-id"] == str(quick)
        assert answer.headers["x-conduit-attempts"] == "2"
    answer = await chat(suite, alias, stream=stream)
    assert answer.headers["x-conduit-provider-id"] == str(slow)


async def test_a_silence_within_a_stream_ends_it_by_the_caller_s_limit(suite: Suite) -> None:
    """Long before the usual one."""
    await add(suite, "limit-idle", "stall-after-3")
    began = time.monotonic()
    answer = await chat(suite, "limit-idle", {"x-conduit-idle-timeout": "0.3"}, stream=True)
    assert time.monotonic() - began < SOON
    assert '"code":"stream_interrupted"' in answer.text.replace(" ", "")


async def test_figures_that_make_no_sense_are_refused_by_name(suite: Suite) -> None:
    """Each of each header; and the process serves the next call."""
    await add(suite, "limit-any", "echo")
    for header in HEADERS:
        for figure in NONSENSE:
            answer = await chat(suite, "limit-any", {header: figure})
            assert answer.status_code == 400, (header, figure)
            error = answer.json()["error"]
            name = header.removeprefix("x-conduit-").replace("-", "_")
            assert error["param"] in {header, name}, (header, figure)
    assert (await chat(suite, "limit-any")).status_code == 200


async def test_the_rpc_s_options_have_the_same_limits(suite: Suite) -> None:
    """With the same bounds; what passes is told with its limit's name."""
    await add(suite, "limit-rpc", "hang")
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    body = b'{"model":"limit-rpc","messages":[{"role":"user","content":"hi"}]}'
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.router.port}") as channel:
        router = rpc.RouterServiceStub(channel)
        for name in ("connect_timeout", "first_token_timeout", "idle_timeout", "attempt_timeout"):
            options = CallOptions(**{name: Duration(seconds=10**11)})  # type: ignore[arg-type] # a name
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await router.Chat(pb.ChatRequest(json=body, options=options), metadata=metadata)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        options = CallOptions(first_token_timeout=Duration(nanos=200_000_000))
        began = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await router.Chat(pb.ChatRequest(json=body, options=options), metadata=metadata)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - began < SOON


@pytest.mark.parametrize("stream", [False, True])
async def test_a_mapping_s_total_time_bounds_an_attempt(suite: Suite, *, stream: bool) -> None:
    """The next candidate answers where nothing went out."""
    alias = f"limit-total-{stream}"
    await add(suite, alias, "hang", "echo")
    found = await suite.call("GET", "/api/model-provider-mappings", params={"modelAlias": alias})
    first = found["mappings"][0]["id"]
    timeouts = {"timeouts": {"total": "0.3s"}}
    await suite.call("PUT", f"/api/model-provider-mappings/{first}", timeouts)
    await suite.settled()
    began = time.monotonic()
    answer = await chat(suite, alias, stream=stream)
    assert time.monotonic() - began < SOON
    assert (answer.status_code, answer.headers["x-conduit-attempts"]) == (200, "2")
