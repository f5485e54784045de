"""Sessions of keys with hard budgets, on each way in: held piece by piece, and ended politely."""

from typing import Any

import grpc
import orjson
import pytest
from tests.integration.suite.test_budgets import key, sound, used
from tests.support.suite import Suite
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.rpc import error_of
from conduit_router.spending.session_cost import MOST_WRITTEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What is written costs a tenth of a cent a token, and what is read nothing: the most of a response.
TOKEN_USD = 0.001
PIECE_USD = MOST_WRITTEN * TOKEN_USD
ITEM = {
    "type": "conversation.item.create",
    "item": {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "one two three four"}],
    },
}
ASK = {"type": "response.create", "response": {"output_modalities": ["text"]}}


async def voices(suite: Suite) -> None:
    """Add models that are paid by the token and by the minute, unless they are there."""
    models = await suite.call("GET", "/api/model-provider-mappings")
    if any(each["modelAlias"] == "spoken" for each in models["mappings"]):
        return
    for alias, price in (
        ("spoken", {"inputCostPer1kTokens": 0, "outputCostPer1kTokens": 1000 * TOKEN_USD}),
        ("lived", {"costCalculationType": "PerMinute", "costPerUnit": 0.06}),
    ):
        number = await suite.add_simulator(alias, "echo")
        rule = {"providerId": number, "modelPattern": "*"}
        await suite.call("POST", "/api/model-costs", rule | price)
    await suite.settled()


def socket(suite: Suite, path: str, secret: str) -> connect:
    """Return a session to be opened."""
    url = suite.url.replace("http", "ws", 1) + path
    return connect(url, additional_headers={"authorization": f"Bearer {secret}"}, proxy=None)


async def respond(session: ClientConnection) -> dict[str, Any]:
    """Have something said; return the last event of it, which may be an error."""
    await session.send(orjson.dumps(ITEM).decode())
    await session.send(orjson.dumps(ASK).decode())
    while True:
        event: dict[str, Any] = orjson.loads(await session.recv())
        if event["type"] in {"response.done", "error"}:
            return event


async def test_a_realtime_session_ends_where_the_budget_does(suite: Suite) -> None:
    """With an event that says why, and a close code after it; what it used is charged."""
    await voices(suite)
    budgets = [{"limitUsd": PIECE_USD + 0.01, "period": "Day"}]
    secret = await key(suite, "speaks", budgets=budgets)
    responses = 0
    async with socket(suite, "/v1/realtime?model=spoken", secret) as session:
        assert orjson.loads(await session.recv())["type"] == "session.created"
        while (event := await respond(session))["type"] != "error":
            responses += 1
        error = event["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
        assert error["message"].startswith("The virtual key's day's budget of $4.106 has no room")
        with pytest.raises(ConnectionClosed):
            await session.recv()
        assert session.close_code == 1008
    assert responses >= 1
    await suite.deliver_charges()
    spent = await used(suite, "speaks")
    assert 0 < spent <= PIECE_USD + 0.01
    assert await sound(suite) == []


async def ask_without_end(call: "grpc.aio.StreamStreamCall[Any, Any]") -> None:
    """Have one thing said after the other, and read what comes of it before the next.

    Whoever writes while a call ends may be told of its write alone, by grpcio itself.
    """
    while True:
        await call.write(pb.ConverseRequest(json=orjson.dumps(ITEM)))
        await call.write(pb.ConverseRequest(json=orjson.dumps(ASK)))
        said = b""
        while b'"response.done"' not in said:
            answer: Any = await call.read()
            assert answer is not grpc.aio.EOF, "The call ended well."
            said = answer.json


async def test_a_session_over_grpc_ends_likewise(suite: Suite) -> None:
    """With the status of a call that is refused for its budget."""
    await voices(suite)
    budgets = [{"limitUsd": PIECE_USD + 0.001, "period": "Day"}]
    secret = await key(suite, "calls", budgets=budgets)

    start = pb.ConverseStart(model="spoken", events=pb.EVENT_FORM_JSON)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        call = RouterServiceStub(channel).Converse(metadata=[("authorization", f"Bearer {secret}")])
        await call.write(pb.ConverseRequest(start=start))
        with pytest.raises(grpc.RpcError) as caught:
            await ask_without_end(call)
    error = error_of(caught.value, "router")
    assert (error.reason, error.failure.http_status) == ("BUDGET_EXCEEDED", 402)


@pytest.mark.parametrize(("path", "usd"), [("/v1/realtime?model=spoken", PIECE_USD)])
async def test_a_session_that_no_budget_covers_is_refused(
    suite: Suite, path: str, usd: float
) -> None:
    """With a status, before its handshake."""
    await voices(suite)
    secret = await key(suite, "poor", budgets=[{"limitUsd": usd - 0.01, "period": "Day"}])
    with pytest.raises(InvalidStatus) as caught:
        async with socket(suite, path, secret):
            pass
    error = orjson.loads(caught.value.response.body)["error"]
    assert (caught.value.response.status_code, error["code"]) == (402, "insufficient_quota")


async def test_a_live_session_holds_a_piece_and_pays_its_time(suite: Suite) -> None:
    """Not the two hours that it may last, which would cost seven dollars."""
    await voices(suite)
    secret = await key(suite, "lives", budgets=[{"limitUsd": 0.05, "period": "Day"}])
    start = {"type": "session.start", "session": {"model": "lived"}}
    async with socket(suite, "/v1/live/sessions", secret) as session:
        await session.send(orjson.dumps(start).decode())
        assert orjson.loads(await session.recv())["type"] == "session.started"
        await session.send('{"type": "session.close"}')
        while orjson.loads(await session.recv())["type"] != "session.closed":
            pass
    await suite.deliver_charges()
    assert 0 < await used(suite, "lives") < 0.05
    assert await sound(suite) == []


async def test_a_live_session_that_no_budget_covers_is_told_so(suite: Suite) -> None:
    """In an event, as its model is known after the handshake."""
    await voices(suite)
    secret = await key(suite, "no life", budgets=[{"limitUsd": 0.02, "period": "Day"}])
    start = {"type": "session.start", "session": {"model": "lived"}}
    async with socket(suite, "/v1/live/sessions", secret) as session:
        await session.send(orjson.dumps(start).decode())
        assert orjson.loads(await session.recv())["error"]["code"] == "insufficient_quota"
        with pytest.raises(ConnectionClosed):
            await session.recv()
        assert session.close_code == 1008
