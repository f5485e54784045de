"""Guardrails through the whole suite: on every surface, whole and streamed, over HTTP and gRPC."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually
from websockets.asyncio.client import connect

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.rpc import error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
WORDS = f"my key is {KEY} and that is all"
Body = dict[str, Any]


def chat(text: str, **more: object) -> Body:
    """Return a chat that says something."""
    return {"messages": [{"role": "user", "content": text}], **more}


def content(text: str) -> Body:
    """Return a request of Google's that says something."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


# The path, with the alias, and the body that says a text.
SURFACES: dict[str, tuple[str, Any]] = {
    "chat": ("/v1/chat/completions", chat),
    "streamed chat": ("/v1/chat/completions", lambda t: chat(t, stream=True)),
    "message": ("/v1/messages", lambda t: chat(t, max_tokens=99)),
    "streamed message": ("/v1/messages", lambda t: chat(t, max_tokens=99, stream=True)),
    "response": ("/v1/responses", lambda t: {"input": t, "store": False}),
    "kept response": ("/v1/responses", lambda t: {"input": t}),
    "streamed response": ("/v1/responses", lambda t: {"input": t, "stream": True}),
    "content": ("/v1beta/models/{}:generateContent", content),
    "streamed content": ("/v1beta/models/{}:streamGenerateContent?alt=sse", content),
    "array of contents": ("/v1beta/models/{}:streamGenerateContent", content),
    "completion": ("/v1/completions", lambda t: {"prompt": t}),
    "streamed completion": ("/v1/completions", lambda t: {"prompt": t, "stream": True}),
}
# Of those whose answers are no texts, requests alone are looked at.
ASKED: dict[str, tuple[str, Any]] = SURFACES | {
    "embedding": ("/v1/embeddings", lambda t: {"input": t}),
    "image": ("/v1/images/generations", lambda t: {"prompt": t, "size": "16x16"}),
    "task": ("/v1/images/generations/async", lambda t: {"prompt": t, "size": "16x16"}),
    "speech": (
        "/v1/audio/speech",
        lambda t: {"input": t, "voice": "alloy", "response_format": "wav"},
    ),
}
MODELS = {"embedding": "vectors", "image": "picture", "task": "picture", "speech": "voice"}


def secret(action: str, stage: str = "Both", name: str = "no keys") -> Body:
    """Return a guardrail that looks for credentials."""
    return {"name": name, "action": action, "stage": stage, "detectors": ["Secret"]}


@asynccontextmanager
async def holder(
    suite: Suite, *guardrails: Body, **spec: object
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of somebody with a new virtual key and its guardrails."""
    body = {"name": secrets.token_hex(8), "guardrails": guardrails, **spec}
    made = await suite.call("POST", "/api/virtual-keys", body)
    await suite.settled()
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        yield client


async def ask(
    client: httpx.AsyncClient, kind: str, text: str, model: str = "", **headers: str
) -> httpx.Response:
    """Say a text on a surface."""
    path, body = ASKED[kind]
    model = model or MODELS.get(kind, "says")
    asked = body(text) if "{}" in path else {"model": model, **body(text)}
    return await client.post(path.format(model), json=asked, headers=headers)


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def aliases(suite: Suite) -> None:
    """Map what the calls name."""
    kinds = {"says": "echo", "vectors": "embed-16", "picture": "image", "voice": "speech"}
    kinds |= {"ear": "transcribe", "guarded": "echo"}
    for alias, model in kinds.items():
        await suite.add_simulator(alias, model)
    chain = {"modelAlias": "guarded", "providers": [], "guardrails": [secret("Block")]}
    await suite.call("POST", "/api/fallback-chains", chain)
    await suite.settled()


async def test_requests_are_blocked_on_every_surface(suite: Suite) -> None:
    """Before anybody is asked, with an error in the words of the surface, and without the text."""
    async with holder(suite, secret("Block")) as caller:
        for kind in ASKED:
            answer = await ask(caller, kind, WORDS)
            if kind == "task":
                # Its call fails, once it is made.
                assert await _task_error(caller, answer) == "content_filter"
                continue
            assert answer.status_code == 400, (kind, answer.text)
            assert answer.headers["x-conduit-attempts"] == "0", kind
            assert "no keys" in answer.text, kind
            assert KEY not in answer.text
            assert (await ask(caller, kind, "hello there")).is_success, kind


async def _task_error(caller: httpx.AsyncClient, begun: httpx.Response) -> str:
    found: dict[str, Any] = {}

    async def has_ended() -> bool:
        found.update((await caller.get(f"/v1/tasks/{begun.json()['id']}")).json())
        return bool(found["status"] == "failed")

    await eventually(has_ended)
    return str(found["error"]["code"])


async def test_answers_are_blocked_on_every_surface(suite: Suite) -> None:
    """Whole and streamed: nothing of what is looked for goes out."""
    async with holder(suite, secret("Block", "Answer")) as caller:
        for kind in SURFACES:
            answer = await ask(caller, kind, WORDS)
            assert KEY not in answer.text, kind
            assert KEY[:6] not in answer.text, kind
            assert "no keys" in answer.text, (kind, answer.text)
            assert answer.headers["x-conduit-attempts"] == "1", kind
            assert (await ask(caller, kind, "hello there")).is_success, kind


async def test_answers_are_redacted_on_every_surface(suite: Suite) -> None:
    """Each is still what its clients read."""
    async with holder(suite, secret("Redact", "Answer")) as caller:
        for kind in SURFACES:
            answer = await ask(caller, kind, WORDS)
            assert answer.status_code == 200, (kind, answer.text)
            assert KEY not in answer.text, kind
            assert KEY[4:] not in answer.text, kind
            said = "".join(_texts(answer.text))
            assert "SECRET" in said, (kind, answer.text)
            if "stream" not in kind and "array" not in kind:
                assert answer.headers["x-conduit-guardrails"] == "no keys;redacted", kind


def _texts(text: str) -> list[str]:
    """Return all texts in an answer's JSON, whole or in events."""
    lines = [line[5:] for line in text.splitlines() if line.startswith("data:")] or [text]
    return [
        each for line in lines if line.strip() != "[DONE]" for each in _strings(json.loads(line))
    ]


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in _strings(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in _strings(inner)]
    return [value] if isinstance(value, str) else []


async def test_requests_are_redacted_before_a_provider_has_them(suite: Suite) -> None:
    """The simulator says again what it was told."""
    async with holder(suite, secret("Redact", "Request")) as caller:
        for kind in SURFACES:
            answer = await ask(caller, kind, WORDS)
            assert answer.status_code == 200, (kind, answer.text)
            assert KEY not in answer.text, kind
            assert "SECRET" in "".join(_texts(answer.text)), kind


async def test_a_report_changes_nothing(suite: Suite) -> None:
    """But says so."""
    async with holder(suite, secret("Report", "Request")) as caller:
        answer = await ask(caller, "chat", WORDS)
        assert KEY in answer.text
        assert answer.headers["x-conduit-guardrails"] == "no keys;reported"
        assert "x-conduit-guardrails" not in (await ask(caller, "chat", "hello")).headers


async def test_the_guardrails_of_all_levels_look(suite: Suite) -> None:
    """Of the alias, also where it is named as a fallback; of a group; of the virtual key."""
    group = await suite.call(
        *("POST", "/api/virtual-key-groups"),
        {"name": secrets.token_hex(8), "guardrails": [secret("Block", name="of the group")]},
    )
    async with holder(suite) as caller, holder(suite, groupId=group["id"]) as member:
        assert (await ask(caller, "chat", WORDS)).status_code == 200
        assert "no keys" in (await ask(caller, "chat", WORDS, "guarded")).text
        by_header = await ask(caller, "chat", WORDS, **{"x-conduit-fallbacks": "guarded"})
        assert "no keys" in by_header.text
        body = {"model": "says", "fallbacks": ["guarded"], **chat(WORDS)}
        in_body = await caller.post("/v1/chat/completions", json=body)
        assert "no keys" in in_body.text
        assert "of the group" in (await ask(member, "chat", WORDS)).text


@pytest.mark.parametrize(
    "text",
    [
        KEY[:9] + "\u200b" + KEY[9:],
        "".join(chr(ord(each) + 0xFEE0) for each in KEY),
        f"a\n{KEY}\tb",
    ],
)
async def test_spelling_is_no_way_around(suite: Suite, text: str) -> None:
    """Nor are escapes of JSON."""
    async with holder(suite, secret("Block", "Request")) as caller:
        assert (await ask(caller, "chat", text)).status_code == 400
        escaped = json.dumps(chat(KEY)).replace("AKIA", "\\u0041KI\\u0041")
        body = escaped[:-1] + ',"model":"says"}'
        answer = await caller.post("/v1/chat/completions", content=body)
        assert "no keys" in answer.text


async def test_a_member_that_stands_twice_is_no_way_around(suite: Suite) -> None:
    """Its provider might read the one that nobody looked at."""
    said, other = (json.dumps(chat(text)["messages"]) for text in (WORDS, "hello"))
    body = f'{{"model":"says","messages":{said},"messages":{other}}}'
    async with holder(suite, secret("Block", "Request")) as caller:
        answer = await caller.post("/v1/chat/completions", content=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages")


async def test_a_number_of_any_length_is_read(suite: Suite) -> None:
    """One that Python refuses to read is refused to its sender, and is no fault of ours."""
    async with holder(suite, secret("Block", "Request")) as caller:
        body = json.dumps(chat("hello", model="says"))[:-1] + f', "seed_of_mine": 1{"0" * 5000}}}'
        answer = await caller.post("/v1/chat/completions", content=body)
        assert answer.status_code == 400, answer.text
    cards = {"name": "no cards", "detectors": ["CreditCard"]}
    async with holder(suite, cards) as caller:
        asked = chat("hello", model="says", metadata={"card": 4242424242424242})
        answer = await caller.post("/v1/chat/completions", json=asked)
        assert "no cards" in answer.text


async def test_what_comes_from_the_cache_is_looked_at_as_well(suite: Suite) -> None:
    """By the guardrails of whoever asks now."""
    alias = "kept and guarded"
    await suite.add_simulator(alias, "echo")
    chain = {"modelAlias": alias, "providers": [], "cache": {"scope": "All"}}
    await suite.call("POST", "/api/fallback-chains", chain)
    async with holder(suite) as caller, holder(suite, secret("Redact", "Answer")) as other:
        first = await ask(caller, "chat", WORDS, alias)
        hit = await ask(other, "chat", WORDS, alias)
        assert (KEY in first.text, KEY in hit.text) == (True, False)
        assert hit.headers["x-conduit-cache"] == "hit"
        again = await ask(caller, "chat", WORDS, alias)
        assert again.content == first.content


async def test_typed_callers_are_held_to_them(suite: Suite) -> None:
    """Over gRPC, with the error's details; streams too."""
    async with holder(suite, secret("Block", name="typed")) as caller:
        metadata = (("authorization", caller.headers["authorization"]),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.router.port}") as channel:
            stub: Any = RouterServiceStub(channel)
            request = pb.ChatRequest()
            request.chat.model = "says"
            request.chat.messages.add(role=CHAT_ROLE_USER).content.add(text=WORDS)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.Chat(request, metadata=metadata)
            error = error_of(raised.value, "router")
            assert (error.reason, error.metadata["guardrail"]) == ("CONTENT_BLOCKED", "typed")
            assert error.metadata["kind"] == "SECRET"
            stream = stub.StreamChat(pb.StreamChatRequest(chat=request.chat), metadata=metadata)
            with pytest.raises(grpc.aio.AioRpcError):
                [_ async for _ in stream]


async def test_typed_requests_are_redacted(suite: Suite) -> None:
    """What the provider has is what was left of them."""
    async with holder(suite, secret("Redact")) as caller:
        metadata = (("authorization", caller.headers["authorization"]),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.router.port}") as channel:
            stub: Any = RouterServiceStub(channel)
            request = pb.ChatRequest()
            request.chat.model = "says"
            request.chat.messages.add(role=CHAT_ROLE_USER).content.add(text=WORDS)
            answer = await stub.Chat(request, metadata=metadata)
    said = answer.completion.choices[0].message.content[0].text
    assert said == WORDS.replace(KEY, "[SECRET]")
    assert list(answer.report.guardrails) == ["no keys;redacted"]


async def test_an_upload_is_looked_at_and_not_redacted(suite: Suite) -> None:
    """Its form goes out as it came, so that it is refused instead."""
    for action in ("Block", "Redact"):
        async with holder(suite, secret(action, "Request")) as caller:
            for prompt, status in ((WORDS, 400), ("hello", 200)):
                answer = await caller.post(
                    "/v1/audio/transcriptions",
                    data={"model": "ear", "prompt": prompt},
                    files={"file": ("a.wav", b"RIFF" + bytes(100), "audio/wav")},
                )
                assert answer.status_code == status, answer.text


async def test_a_blocked_answer_is_charged_and_told(suite: Suite) -> None:
    """What was used was used; the record of the request says why it ended."""
    async with holder(suite, secret("Block", "Answer")) as caller:
        answer = await ask(caller, "chat", WORDS)
        name = answer.headers["x-conduit-request-id"]
        record = await suite.call("GET", f"/api/requests/{name}")
        assert record["code"] == "CONTENT_BLOCKED", record

        async def is_charged() -> bool:
            path = f"/api/usage/charges?requestId={name}"
            return bool((await suite.call("GET", path))["charges"])

        await eventually(is_charged, seconds=20)


@pytest.mark.parametrize("stage", ["Request", "Answer"])
async def test_responses_over_websockets_are_held_to_them(suite: Suite, stage: str) -> None:
    """Nothing of what is looked for comes over a connection either, and it goes on."""
    async with holder(suite, secret("Block", stage)) as caller:
        url = f"{suite.url.replace('http', 'ws')}/v1/responses"
        headers = {"Authorization": caller.headers["authorization"]}
        async with connect(url, additional_headers=headers) as socket:
            for text, last in ((WORDS, "error"), ("hello there", "response.completed")):
                request = {"type": "response.create", "model": "says", "input": text}
                await socket.send(json.dumps(request))
                said = list[str]()
                while not said or json.loads(said[-1])["type"] not in {
                    *("error", "response.failed", "response.completed"),
                }:
                    said.append(str(await socket.recv()))
                assert json.loads(said[-1])["type"] in {last, "response.failed"}, said[-1]
                assert KEY[4:] not in "".join(said)
                assert ("content_filter" in said[-1]) is (text is WORDS)
