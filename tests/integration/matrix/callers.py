"""The ways to ask, and what is heard: each as OpenAI's JSON, to be compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from openai import AsyncOpenAI

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.chat_chunk_json import chat_completion_chunk_to_json
from conduit.v1.chat_json import (
    chat_completion_request_from_json,
    chat_completion_to_json,
    chat_usage_to_json,
)
from conduit.v1.router_service_pb2_grpc import RouterServiceStub

Json = dict[str, Any]
DONE = "[DONE]"
SECONDS = 20


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: whole, or in chunks; `usage` is what the caller was told in the end, if it was."""

    request_id: str
    is_usage_asked: bool
    completion: Json | None = None
    chunks: tuple[Json, ...] = ()
    usage: Json | None = None
    # Of typed streams: the usage that comes unasked.
    report_usage: Json | None = None

    @property
    def name(self) -> str:
        """The provider's id of the answer."""
        return str((self.completion or self.chunks[0])["id"])


class OverHttp:
    """Speaks to the bridge, and looks at every byte of what comes."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, request: Json, request_id: str) -> Heard:
        """Post a chat. AssertionError, with the answer, unless it succeeds."""
        answer = await self._client.post(
            "/v1/chat/completions", json=request, headers={"x-request-id": request_id}
        )
        assert answer.status_code == 200, answer.text
        kind = answer.headers["content-type"].partition(";")[0]
        if not request.get("stream"):
            assert kind == "application/json"
            completion = answer.json()
            return Heard(request_id, False, completion=completion, usage=completion.get("usage"))  # noqa: FBT003 # whole answers always have it
        assert kind == "text/event-stream"
        return streamed(_events(answer.text), request, request_id)


def _events(text: str) -> list[Json]:
    *events, rest = text.split("\n\n")
    assert rest == ""
    assert all(event.startswith("data: ") for event in events), events
    *chunks, last = [event.removeprefix("data: ") for event in events]
    assert last == DONE
    return [orjson.loads(chunk) for chunk in chunks]


class OverSdk:
    """Speaks with the official SDK."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def ask(self, request: Json, request_id: str) -> Heard:
        """Create a completion."""
        create: Callable[..., Any] = self._client.chat.completions.create
        answer = await create(**request, extra_headers={"x-request-id": request_id})
        if not request.get("stream"):
            completion = answer.model_dump(mode="json", exclude_unset=True)
            return Heard(request_id, False, completion=completion, usage=completion.get("usage"))  # noqa: FBT003 # the same
        chunks = [chunk.model_dump(mode="json", exclude_unset=True) async for chunk in answer]
        return streamed(chunks, request, request_id)


class OverGrpc:
    """Speaks to the Router, in types."""

    def __init__(self, stub: RouterServiceStub, virtual_key: str) -> None:
        # The generated types are of the blocking stub.
        self._stub: Any = stub
        self._authorization = f"Bearer {virtual_key}"

    async def ask(self, request: Json, request_id: str) -> Heard:
        """Call Chat or StreamChat."""
        chat = chat_completion_request_from_json(request)
        metadata = (("authorization", self._authorization), ("x-request-id", request_id))
        if not request.get("stream"):
            answer = await self._stub.Chat(
                pb.ChatRequest(chat=chat), metadata=metadata, timeout=SECONDS
            )
            assert answer.report.request_id == request_id
            completion = plain(chat_completion_to_json(answer.completion))
            return Heard(request_id, False, completion=completion, usage=completion.get("usage"))  # noqa: FBT003 # the same
        stream = self._stub.StreamChat(
            pb.StreamChatRequest(chat=chat), metadata=metadata, timeout=SECONDS
        )
        pieces = [piece async for piece in stream]
        chunks = [plain(chat_completion_chunk_to_json(c)) for p in pieces for c in p.chunks]
        finished = pieces[-1].finished
        assert finished.report.request_id == request_id
        return streamed(chunks, request, request_id, plain(chat_usage_to_json(finished.usage)))


def streamed(
    chunks: list[Json], request: Json, request_id: str, report_usage: Json | None = None
) -> Heard:
    """Return a stream as it was heard."""
    options: Mapping[str, Any] = request.get("stream_options") or {}
    told = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    return Heard(
        request_id,
        bool(options.get("include_usage")),
        chunks=tuple(chunks),
        usage=told[-1] if told else None,
        report_usage=report_usage,
    )


def plain(value: Mapping[str, object]) -> Json:
    """Return what a converter made, with the raw parts read."""
    return dict(orjson.loads(orjson.dumps(value)))
