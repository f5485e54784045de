"""Responses over WebSockets, as agents hold them: one answer after the other."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.suite import Suite
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
SECONDS = 20.0


def address(suite: Suite) -> str:
    """Return where responses are held."""
    return suite.url.replace("http", "ws", 1) + "/v1/responses"


async def held(suite: Suite, key: str | None = None) -> ClientConnection:
    """Open a connection."""
    bearer = f"Bearer {key or suite.virtual_key}"
    return await connect(address(suite), additional_headers={"authorization": bearer}, proxy=None)


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def models(suite: Suite) -> None:
    """Map two models of the simulator."""
    for model in ("echo", "count"):
        await suite.add_simulator(model, model)
    await suite.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def socket(suite: Suite) -> AsyncIterator[ClientConnection]:
    """Hold a connection."""
    connection = await held(suite)
    try:
        yield connection
    finally:
        await connection.close()


async def ask(socket: ClientConnection, **members: object) -> list[Json]:
    """Ask for an answer; return its events, to the one that ends it."""
    await socket.send(orjson.dumps({"type": "response.create", **members}).decode())
    events: list[Json] = []
    ends = {"response.completed", "response.incomplete", "response.failed", "error"}
    while not events or events[-1]["type"] not in ends:
        async with asyncio.timeout(SECONDS):
            events.append(orjson.loads(await socket.recv()))
    return events


def text_of(events: list[Json]) -> str:
    """Return what was said."""
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


async def test_each_frame_is_an_event(socket: ClientConnection) -> None:
    """From the beginning to the end, numbered; answers follow each other."""
    for said in ("Hello", "Once more"):
        events = await ask(socket, model="echo", input=said, store=False)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
        assert text_of(events) == said
        assert events[-1]["response"]["usage"]["total_tokens"] > 0


async def test_an_answer_goes_on_from_the_last(suite: Suite, socket: ClientConnection) -> None:
    """The model reads what was said before, and the caller sends only what is new."""
    await suite.settled()
    first = await ask(socket, model="echo", input="Hello there")
    before = first[-1]["response"]
    again = await ask(socket, model="echo", input="And?", previous_response_id=before["id"])
    alone = await ask(socket, model="echo", input="And?")
    assert again[-1]["type"] == "response.completed"
    read = [e[-1]["response"]["usage"]["input_tokens"] for e in (again, alone)]
    assert read[0] > read[1]


async def test_prewarming_asks_no_model(socket: ClientConnection) -> None:
    """Its answer is empty, costs nothing, and can be gone on from."""
    instructions = "Be brief"
    warm = await ask(
        socket, model="echo", instructions=instructions, input=[], generate=False, stream_id="a"
    )
    assert [event["type"] for event in warm] == ["response.created", "response.completed"]
    assert {event["stream_id"] for event in warm} == {"a"}
    response = warm[-1]["response"]
    assert (response["output"], response["usage"]["total_tokens"]) == ([], 0)
    events = await ask(socket, model="echo", input="Hi", previous_response_id=response["id"])
    assert text_of(events) == "Hi"


@pytest.mark.parametrize(
    ("frame", "status", "code"),
    [
        ("{", 400, "malformed_json"),
        ('{"type":"session.update"}', 400, "invalid_request"),
        ('{"type":"response.create","model":"echo"}', 400, "invalid_request"),
        ('{"type":"response.create","model":"nobody","input":"hi"}', 404, "model_not_found"),
        (
            '{"type":"response.create","model":"echo","input":"x","previous_response_id":"resp_0"}',
            404,
            "response_not_found",
        ),
    ],
)
async def test_errors_are_events_and_the_connection_goes_on(
    socket: ClientConnection, frame: str, status: int, code: str
) -> None:
    """With status and code, by which clients know what to do."""
    await socket.send(frame)
    event = orjson.loads(await socket.recv())
    assert (event["type"], event["status"], event["error"]["code"]) == ("error", status, code)
    assert event["error"]["message"]
    assert text_of(await ask(socket, model="echo", input="Hello")) == "Hello"


async def test_each_answer_is_a_call_of_its_own(suite: Suite) -> None:
    """A key that is taken away meanwhile asks for no more, and a model that it may not use."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": "w", "allowedModels": ["echo"]})
    await suite.settled()
    mine = await held(suite, made["key"])
    try:
        assert text_of(await ask(mine, model="echo", input="Hello")) == "Hello"
        (refused,) = await ask(mine, model="count", input="Hello")
        assert (refused["type"], refused["status"]) == ("error", 403)
        (warm,) = await ask(mine, model="count", input="Hello", generate=False)
        assert warm["status"] == 403
        await suite.call("DELETE", f"/api/virtual-keys/{made['id']}")
        await suite.settled()
        (gone,) = await ask(mine, model="echo", input="Hello")
        assert (gone["type"], gone["status"]) == ("error", 401)
    finally:
        await mine.close()


async def test_who_has_no_key_holds_nothing(suite: Suite) -> None:
    """The handshake has its status."""
    with pytest.raises(InvalidStatus) as refused:
        await held(suite, "condt_wrong")
    assert refused.value.response.status_code == 401


async def test_requests_that_cannot_upgrade_are_told_to_post(suite: Suite) -> None:
    """With 426, after which Codex does at once: a proxy may have taken the handshake off."""
    async with suite.caller() as caller:
        answer = await caller.get("/v1/responses")
    assert answer.status_code == 426
    assert answer.json()["error"]["param"] == "upgrade"


async def test_the_official_sdk_holds_a_connection(suite: Suite) -> None:
    """Its events are read by its models."""
    async with (
        AsyncOpenAI(base_url=f"{suite.url}/v1", api_key=suite.virtual_key) as client,
        client.responses.connect() as connection,
    ):
        await connection.send({"type": "response.create", "model": "echo", "input": "Hello"})
        said = ""
        async for event in connection:
            if event.type == "response.output_text.delta":
                said += event.delta
            if event.type == "response.completed":
                break
        assert said == "Hello"
