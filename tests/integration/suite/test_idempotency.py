"""Idempotency keys through the whole suite: one call and one charge, however often it is sent."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import grpc
import httpx
import openai
import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.audio_requests_pb2 import TranscribeRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = "echo-slow-600ms"
KEY = {"Idempotency-Key": "k-1"}
TURN = [{"role": "user", "content": "hello there"}]
CHAT: dict[str, object] = {"model": "fast", "messages": TURN}
MESSAGE: dict[str, object] = {"model": "fast", "messages": TURN, "max_tokens": 9}
PAID: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "streamed chat": ("/v1/chat/completions", CHAT | {"stream": True}),
    "message": ("/v1/messages", MESSAGE),
    "streamed message": ("/v1/messages", MESSAGE | {"stream": True}),
    "embedding": ("/v1/embeddings", {"model": "vectors", "input": "hello"}),
    "image": ("/v1/images/generations", {"model": "picture", "prompt": "a", "size": "16x16"}),
    "task": ("/v1/images/generations/async", {"model": "picture", "prompt": "a", "size": "16x16"}),
    "speech": (
        "/v1/audio/speech",
        {"model": "voice", "input": "hello", "voice": "alloy", "response_format": "wav"},
    ),
}


class Holder:
    """The holder of a virtual key of its own, whose charges are counted."""

    def __init__(self, suite: Suite, key: str, number: int) -> None:
        self._suite = suite
        self._number = number
        self.key = key
        self.client = httpx.AsyncClient(
            base_url=suite.url, headers={"Authorization": f"Bearer {key}"}, timeout=40
        )

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Send a request with an idempotency key."""
        return await self.client.post(path, json=body, headers=KEY | headers)

    async def charged(self) -> list[str]:
        """Return the request ids of the charges, without that of a last call, which follows all."""
        last = f"req_last_{secrets.token_hex(8)}"
        answer = await self.client.post(
            "/v1/chat/completions", json=CHAT, headers={"x-request-id": last}
        )
        assert answer.status_code == 200, answer.text
        found: list[str] = []

        async def has_last() -> bool:
            path = f"/api/usage/charges?virtualKeyId={self._number}"
            charges = (await self._suite.call("GET", path))["charges"]
            found[:] = [charge["requestId"] for charge in charges]
            return last in found

        await eventually(has_last, seconds=20)
        return [each for each in found if each != last]


@asynccontextmanager
async def holder(suite: Suite) -> AsyncIterator[Holder]:
    """Return somebody with a new virtual key."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": secrets.token_hex(8)})
    await suite.settled()
    somebody = Holder(suite, made["key"], made["id"])
    async with somebody.client:
        yield somebody


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def aliases(suite: Suite) -> None:
    """Map what the calls name."""
    kinds = {"fast": "echo", "slow": SLOW, "vectors": "embed-16", "picture": "image"}
    for alias, model in (
        kinds | {"voice": "speech", "ear": "transcribe", "off": "status-500"}
    ).items():
        await suite.add_simulator(alias, model)
    await suite.settled()


async def test_a_paid_call_is_made_and_charged_once(suite: Suite) -> None:
    """Whole and streamed: the second answer is the first one, byte by byte, and says so."""
    async with holder(suite) as caller:
        for kind, (path, body) in PAID.items():
            key = {"Idempotency-Key": kind}
            first = await caller.post(path, body, **key)
            again = await caller.post(path, dict(reversed(body.items())), **key)
            assert first.is_success, (kind, first.text)
            assert again.content == first.content, kind
            assert again.headers["content-type"] == first.headers["content-type"]
            if kind != "task":
                assert_replayed(first, again)
        assert len(await caller.charged()) == len(PAID)


def assert_replayed(first: httpx.Response, again: httpx.Response) -> None:
    """Assert that an answer tells of the call that another one was the answer to."""
    words = [each.headers["x-conduit-idempotency"] for each in (first, again)]
    assert words == ["kept", "replayed"]
    for name in ("x-conduit-request-id", "x-conduit-key-id", "x-conduit-model"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_an_upload_is_made_and_charged_once(suite: Suite) -> None:
    """Its files are part of what is asked: with other bytes it is another request."""
    async with holder(suite) as caller:

        async def transcribe(sound: bytes) -> httpx.Response:
            return await caller.client.post(
                "/v1/audio/transcriptions",
                data={"model": "ear"},
                files={"file": ("a.wav", sound, "audio/wav")},
                headers=KEY,
            )

        first, again = await transcribe(b"hello" * 99), await transcribe(b"hello" * 99)
        other = await transcribe(b"hullo" * 99)
        charged = await caller.charged()
    assert first.is_success, first.text
    assert again.content == first.content
    assert (other.status_code, len(charged)) == (422, 1)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_another_request_with_the_key_is_refused(suite: Suite, path: str) -> None:
    """In the form of the caller's API, and not worth another try."""
    async with holder(suite) as caller:
        assert (await caller.post(path, MESSAGE)).is_success
        refused = await caller.post(path, MESSAGE | {"max_tokens": 10})
        elsewhere = await caller.post("/v1/embeddings", {"model": "vectors", "input": "hello"})
    for answer in (refused, elsewhere):
        assert answer.status_code == 422, answer.text
        assert answer.headers["x-should-retry"] == "false"
    assert "idempotency key" in refused.json()["error"]["message"]


async def test_a_failure_is_not_pinned(suite: Suite) -> None:
    """The same key and request are tried again."""
    async with holder(suite) as caller:
        answers = [await caller.post("/v1/chat/completions", CHAT | {"model": "off"}) for _ in "ab"]
        assert all(each.status_code >= 500 for each in answers)
        ids = {each.headers["x-request-id"] for each in answers}
        records = [await suite.call("GET", f"/api/requests/{each}") for each in ids]
    assert [record["status"] for record in records] == ["Failed", "Failed"]


async def test_a_call_without_a_key_is_no_twin_of_another(suite: Suite) -> None:
    """And its answer says nothing of keys."""
    async with holder(suite) as caller:
        for _ in range(2):
            answer = await caller.client.post("/v1/chat/completions", json=CHAT)
            assert "x-conduit-idempotency" not in answer.headers
        assert len(await caller.charged()) == 2


async def test_retries_of_openais_sdk_are_one_call(suite: Suite) -> None:
    """It gives up on an answer that takes long, and sends the request again: it finds the first."""
    async with holder(suite) as caller:
        async with openai.AsyncOpenAI(
            base_url=f"{suite.url}/v1", api_key=caller.key, timeout=0.2, max_retries=20
        ) as client:
            answer = await client.chat.completions.create(
                model="slow",
                messages=[{"role": "user", "content": "hello there"}],
                extra_headers=KEY,
            )
        assert answer.choices[0].message.content == "hello there"
        assert len(await caller.charged()) == 1


async def test_retries_of_anthropics_sdk_are_one_call(suite: Suite) -> None:
    """As those of OpenAI's."""
    async with holder(suite) as caller:
        async with anthropic.AsyncAnthropic(
            base_url=suite.url, api_key=caller.key, timeout=0.2, max_retries=20
        ) as client:
            answer = await client.messages.create(
                model="slow",
                max_tokens=9,
                messages=[{"role": "user", "content": "hello there"}],
                extra_headers=KEY,
            )
        assert answer.content[0].type == "text"
        assert len(await caller.charged()) == 1


async def test_concurrent_twins_are_one_call(suite: Suite) -> None:
    """All wait for the first one's answer."""
    async with holder(suite) as caller:
        asked = [caller.post("/v1/chat/completions", CHAT | {"model": "slow"}) for _ in range(10)]
        answers = await asyncio.gather(*asked)
        charged = await caller.charged()
    assert len({each.content for each in answers}) == 1
    assert len(charged) == 1


async def test_a_key_in_grpc_metadata_is_one_as_well(suite: Suite) -> None:
    """Of unary calls, streams, and uploads, whose first message gets it."""
    async with (
        holder(suite) as caller,
        grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel,
    ):
        stub: Any = RouterServiceStub(channel)

        def metadata(key: str) -> tuple[tuple[str, str], ...]:
            return ("authorization", f"Bearer {caller.key}"), ("idempotency-key", key)

        asked = pb.ChatRequest(json=b'{"model":"fast","messages":[{"role":"user","content":"hi"}]}')
        whole = [await stub.Chat(asked, metadata=metadata("a")) for _ in "ab"]
        begun = pb.StreamChatRequest(json=asked.json)
        streams = [
            [piece async for piece in stub.StreamChat(begun, metadata=metadata("b"))] for _ in "ab"
        ]
        start = TranscribeRequest()
        start.start.transcription.model = "ear"
        start.start.transcription.file.content = b"hello" * 99
        texts = [await stub.Transcribe(iter([start]), metadata=metadata("c")) for _ in "ab"]
        charged = await caller.charged()
    assert [each.report.idempotency for each in whole] == ["kept", "replayed"]
    assert [each[0].started.idempotency for each in streams] == ["kept", "replayed"]
    assert [each.report.idempotency for each in texts] == ["kept", "replayed"]
    assert len(charged) == 3


async def test_calls_go_on_without_storage(suite: Suite) -> None:
    """And say that the answer is not kept."""
    await suite.stop_storage()
    try:
        async with holder(suite) as caller:
            answer = await caller.post("/v1/chat/completions", CHAT)
    finally:
        await suite.start_storage()
    assert answer.is_success
    assert answer.headers["x-conduit-idempotency"] == "not-kept"
