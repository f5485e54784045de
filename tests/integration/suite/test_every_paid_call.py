"""Whoever asks for a model, by whichever route: the same limits, budgets, routing and accounts.

The table is held to the contract: an RPC that makes calls and is not in it fails.
"""

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import grpc
import httpx
import orjson
import pytest
import pytest_asyncio
from tests.integration.suite.test_tasks import PIXEL
from tests.support.suite import Suite
from tests.support.waiting import eventually
from websockets.asyncio.client import connect as connect_socket

from conduit.v1 import message_requests_pb2, options_pb2, response_requests_pb2
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.message_pb2 import MessageCreation
from conduit.v1.response_pb2 import ResponseCreation
from conduit.v1.router_requests_pb2 import ChatRequest, StreamChatRequest
from conduit.v1.router_service_pb2 import DESCRIPTOR
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.openai_errors import code_of
from conduit_kernel.rpc import connect, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
ALIAS, TAG = "paid", "route=tried"
WORDS = [{"role": "user", "content": "one two three"}]


def _sound() -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return written.getvalue()


SOUND = {"file": ("a.wav", _sound(), "audio/wav")}
PICTURE = {"image": ("a.png", PIXEL, "image/png")}
CHAT: Json = {"model": ALIAS, "messages": WORDS, "max_tokens": 4}
RESPONSE: Json = {"model": ALIAS, "input": "one two three", "max_output_tokens": 4}
COMPLETION: Json = {"model": ALIAS, "prompt": "one two three", "max_tokens": 4}
CONTENTS: Json = {"contents": [{"role": "user", "parts": [{"text": "one two three"}]}]}
LENGTH: Json = {"generationConfig": {"maxOutputTokens": 4}}
DRAWING: Json = {"model": ALIAS, "prompt": "a cat", "n": 1, "size": "256x256"}
STREAM = {"stream": True}


class Route(NamedTuple):
    """A request that a route takes."""

    path: str
    json: Json
    files: Json | None = None
    # Whether its call is in a task, of which the request id of the answer is none.
    is_task: bool = False
    # Whether the simulator has what it asks for.
    is_served: bool = True
    is_free: bool = False


ROUTES = {
    "Chat": Route("/v1/chat/completions", CHAT),
    "StreamChat": Route("/v1/chat/completions", CHAT | STREAM),
    "CreateMessage": Route("/v1/messages", CHAT),
    "StreamCreateMessage": Route("/v1/messages", CHAT | STREAM),
    # What no provider counts is an estimate, for nothing.
    "CountMessageTokens": Route("/v1/messages/count_tokens", CHAT, is_served=False, is_free=True),
    "CreateResponse": Route("/v1/responses", RESPONSE),
    "StreamCreateResponse": Route("/v1/responses", RESPONSE | STREAM),
    "CountResponseTokens": Route(
        "/v1/responses/input_tokens", RESPONSE, is_served=False, is_free=True
    ),
    # The simulator makes no conversation shorter.
    "CompactResponse": Route("/v1/responses/compact", RESPONSE, is_served=False),
    "CountTokens": Route(
        "/v1/tokenize", {"model": ALIAS, "prompt": "one two three"}, is_served=False, is_free=True
    ),
    # The simulator judges nothing.
    "Moderate": Route("/v1/moderations", {"model": ALIAS, "input": "one"}, is_served=False),
    "CreateCompletion": Route("/v1/completions", COMPLETION),
    "StreamCreateCompletion": Route("/v1/completions", COMPLETION | STREAM),
    "GenerateContent": Route(f"/v1beta/models/{ALIAS}:generateContent", CONTENTS | LENGTH),
    "StreamGenerateContent": Route(
        f"/v1beta/models/{ALIAS}:streamGenerateContent", CONTENTS | LENGTH
    ),
    "CountContentTokens": Route(
        f"/v1beta/models/{ALIAS}:countTokens", CONTENTS, is_served=False, is_free=True
    ),
    "Embed": Route("/v1/embeddings", {"model": ALIAS, "input": "hello"}),
    "Rerank": Route(
        "/v1/rerank", {"model": ALIAS, "query": "a", "documents": ["a", "b"]}, is_served=False
    ),
    "GenerateImages": Route("/v1/images/generations", DRAWING),
    "StreamGenerateImages": Route("/v1/images/generations", DRAWING | STREAM, is_served=False),
    "StartImageGeneration": Route("/v1/images/generations/async", DRAWING, is_task=True),
    "EditImages": Route("/v1/images/edits", DRAWING, PICTURE),
    "StreamEditImages": Route(
        "/v1/images/edits", DRAWING | {"stream": "true"}, PICTURE, is_served=False
    ),
    "StartImageEdit": Route("/v1/images/edits/async", DRAWING, PICTURE, is_task=True),
    "Speak": Route(
        "/v1/audio/speech",
        {"model": ALIAS, "input": "hello", "voice": "alloy", "response_format": "wav"},
    ),
    "Transcribe": Route("/v1/audio/transcriptions", {"model": "heard"}, SOUND),
    "StreamTranscribe": Route(
        "/v1/audio/transcriptions", {"model": "heard", "stream": "true"}, SOUND
    ),
    "Translate": Route("/v1/audio/translations", {"model": "heard"}, SOUND),
    "PassThrough": Route(f"/passthrough/{ALIAS} echo/chat/completions", CHAT | {"model": "echo"}),
    "CreateVoice": Route(
        "/v1/audio/voices",
        {"model": ALIAS, "name": "Ann", "type": "prompt", "prompt": "warm"},
        is_free=True,
    ),
}
# Whose path says which operation it is.
NATIVE = {"PassThrough"}
# Calls of a connection, which is none itself.
SOCKETS = {"HoldResponses"}
# Sessions, which have tests of their own: `test_session_limits` and those of live sessions.
SESSIONS = {"Converse"}


class Told(NamedTuple):
    """What a caller is told."""

    status: int
    # OpenAI's; empty where it went well.
    code: str
    request_id: str


Ask = Callable[[Suite, str], Awaitable[Told]]


def by_http(route: Route, **headers: str) -> Ask:
    """Return what sends a request to a route."""

    async def ask(suite: Suite, secret: str) -> Told:
        own = {"Authorization": f"Bearer {secret}", "x-conduit-tags": TAG, **headers}
        body: Json = {"json": route.json}
        if route.files is not None:
            body = {"data": route.json, "files": route.files}
        async with httpx.AsyncClient(base_url=suite.url, headers=own, timeout=40) as client:
            answer = await client.post(route.path, **body)
        code = ""
        if answer.status_code >= 400:
            # In Anthropic's errors it is the reason itself, and in Google's it stands beside.
            told = answer.json()["error"]
            code = str(told["details"][0]["reason"] if "details" in told else told["code"]).lower()
        return Told(answer.status_code, code, answer.headers.get("x-conduit-request-id", ""))

    return ask


async def by_socket(suite: Suite, secret: str) -> Told:
    """Ask for a response on a connection of its own."""
    address = suite.url.replace("http", "ws", 1) + "/v1/responses"
    headers = {"authorization": f"Bearer {secret}", "x-conduit-tags": TAG}
    async with connect_socket(address, additional_headers=headers, proxy=None) as socket:
        await socket.send(orjson.dumps({"type": "response.create", **RESPONSE}).decode())
        while True:
            async with asyncio.timeout(40):
                event = orjson.loads(await socket.recv())
            if event["type"] == "error":
                return Told(event["status"], event["error"]["code"], "")
            if event["type"] in {"response.completed", "response.incomplete"}:
                return Told(200, "", "")


def by_grpc(name: str, request: Any) -> Ask:  # noqa: ANN401 # of each RPC its own
    """Return what calls an RPC, typed."""
    request.options.tags.append(TAG)

    async def ask(suite: Suite, secret: str) -> Told:
        channel = connect(f"127.0.0.1:{suite.router.port}")
        call = getattr(RouterServiceStub(channel), name)
        metadata = (("authorization", f"Bearer {secret}"),)
        try:
            if "Stream" in name:
                messages = [each async for each in call(request, metadata=metadata)]
                report = messages[-1].finished.report
            else:
                report = (await call(request, metadata=metadata)).report
        except grpc.RpcError as problem:
            error = error_of(problem, "router")
            return Told(error.failure.http_status, code_of(error), "")
        finally:
            await channel.close()
        return Told(200, "", report.request_id)

    return ask


def _typed() -> Iterable[tuple[str, Ask]]:
    chat = ChatCompletionRequest(model=ALIAS, max_tokens=4)
    chat.messages.add(role=CHAT_ROLE_USER).content.add(text="one two three")
    message = MessageCreation(model=ALIAS, max_tokens=4)
    message.messages.add(role="user").content.add(type="text", text="one two three")
    response = ResponseCreation(model=ALIAS, max_output_tokens=4)
    response.input.add(text="one two three")
    for name, request in (
        ("Chat", ChatRequest(chat=chat)),
        ("StreamChat", StreamChatRequest(chat=chat)),
        ("CreateMessage", message_requests_pb2.CreateMessageRequest(message=message)),
        ("StreamCreateMessage", message_requests_pb2.StreamCreateMessageRequest(message=message)),
        ("CreateResponse", response_requests_pb2.CreateResponseRequest(response=response)),
        (
            "StreamCreateResponse",
            response_requests_pb2.StreamCreateResponseRequest(response=response),
        ),
    ):
        yield f"grpc {name}", by_grpc(name, request)


SERVED = {name: route for name, route in ROUTES.items() if route.is_served and not route.is_task}
WAYS: dict[str, Ask] = {
    **{f"http {name}": by_http(route) for name, route in SERVED.items()},
    **dict(_typed()),
    "socket HoldResponses": by_socket,
}
PAID = {
    name: ask
    for name, ask in WAYS.items()
    if not (name.partition(" ")[2] in ROUTES and ROUTES[name.partition(" ")[2]].is_free)
}
every_way = pytest.mark.parametrize("way", WAYS)
every_paid_way = pytest.mark.parametrize("way", PAID)


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def models(suite: Suite) -> None:
    """Map models of the simulator, each with a price of what is billed there."""
    tokens: Json = {"inputCostPer1kTokens": 1, "outputCostPer1kTokens": 10}
    minutes: Json = {"costCalculationType": "PerMinute", "costPerUnit": 1}
    for alias, model, price in (
        (ALIAS, "echo", tokens),
        ("heard", "echo", minutes),
    ):
        number = await suite.add_simulator(alias, model)
        rule = {"providerId": number, "modelPattern": "*"}
        await suite.call("POST", "/api/model-costs", rule | price)
    await suite.settled()


async def key(suite: Suite, name: str, **fields: object) -> str:
    """Make a virtual key; return its value once the router knows it."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": name, **fields})
    await suite.settled()
    return str(made["key"])


async def test_every_rpc_that_makes_calls_is_tried() -> None:
    """One that is new is not in the table, and has to be put there."""
    methods = DESCRIPTOR.services_by_name["RouterService"].methods
    options = {m.name: m.GetOptions().Extensions[options_pb2.serving] for m in methods}
    paid = {name for name, each in options.items() if each.operation or each.task_of}
    assert paid | NATIVE == {*ROUTES, *SOCKETS, *SESSIONS}


@pytest.mark.parametrize("name", ROUTES)
async def test_models_that_a_key_may_not_use_are_refused(suite: Suite, name: str) -> None:
    """Before anything else is looked at, in tasks too."""
    secret = await key(suite, f"barred {name}", allowedModels=["none-*"])
    told = await by_http(ROUTES[name])(suite, secret)
    assert (told.status, told.code) == (403, "model_not_allowed")


@every_way
async def test_models_are_barred_on_every_way(suite: Suite, way: str) -> None:
    """Over gRPC and WebSockets as over HTTP."""
    secret = await key(suite, f"barred on {way}", allowedModels=["none-*"])
    assert (await WAYS[way](suite, secret)).status == 403


@every_way
async def test_requests_of_a_minute_are_limited(suite: Suite, way: str) -> None:
    """Of four one after the other one passes, or two where a minute ends in between."""
    secret = await key(suite, f"limited {way}", limits={"requestsPerMinute": 1})
    told = [await WAYS[way](suite, secret) for _ in range(4)]
    assert {each.status for each in told} == {200, 429}, told
    assert sum(each.status == 429 for each in told) >= 2


@every_paid_way
async def test_hard_budgets_hold(suite: Suite, way: str) -> None:
    """A call that may cost more than what is left is refused, or whose cost nobody knows."""
    budgets = [{"limitUsd": 0.000001, "period": "Day", "isHard": True}]
    secret = await key(suite, f"poor {way}", budgets=budgets)
    told = await WAYS[way](suite, secret)
    assert told.code in {"insufficient_quota", "budget_exceeded", "cost_unknown"}, told


@pytest.mark.parametrize("name", ["Transcribe", "StreamTranscribe", "Translate"])
async def test_hard_budgets_hold_where_sound_is_billed_by_the_token(
    suite: Suite, name: str
) -> None:
    """How long a sound is bounds its tokens; one that nobody can bound is refused as well."""
    budgets = [{"limitUsd": 0.000001, "period": "Day", "isHard": True}]
    secret = await key(suite, f"poor {name}", budgets=budgets)
    route = ROUTES[name]._replace(json={**ROUTES[name].json, "model": ALIAS})
    assert (await by_http(route)(suite, secret)).code == "insufficient_quota"


@pytest.mark.parametrize("name", SERVED)
async def test_callers_choose_among_instances(suite: Suite, name: str) -> None:
    """One that is not there serves nothing."""
    told = await by_http(ROUTES[name], **{"x-conduit-provider": "nobody"})(suite, suite.virtual_key)
    assert told.status >= 400


async def test_every_call_is_charged_to_its_key_with_its_tags(
    suite: Suite,
) -> None:
    """At least once each, with the key's tags and those of the call."""
    secret = await key(suite, "charged", tags=["team=all"])
    told = {way: await ask(suite, secret) for way, ask in WAYS.items()}
    assert {each.status for each in told.values()} == {200}, told
    await suite.deliver_charges()
    listed = await suite.call("GET", "/api/usage/charges", params={"pageSize": 200})
    charges = [each for each in listed["charges"] if "team=all" in each["tags"]]
    assert len(charges) >= len(PAID)
    for way in PAID:
        request_id = told[way].request_id
        found = [each for each in charges if each["requestId"] == request_id or not request_id]
        assert found, way
        assert all(each["tags"] == ["team=all", TAG] for each in found), way


async def test_every_call_is_remembered(suite: Suite) -> None:
    """What was asked, and which instance answered."""
    for way, ask in WAYS.items():
        told = await ask(suite, suite.virtual_key)
        if not told.request_id:
            continue

        async def is_there(request_id: str = told.request_id) -> bool:
            async with suite.admin() as client:
                answer = await client.get(f"/api/requests/{request_id}")
            return answer.status_code == 200 and answer.json()["id"] == request_id

        await eventually(is_there)
        assert told.status == 200, way
