"""Callers who meet faults, over HTTP and gRPC: what they ask for, and what it came to."""

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import orjson
from google.protobuf.message import Message
from tests.faults.operation import Operation
from tests.support.snapshots import VIRTUAL_KEY

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.chat_pb2 import ChatChoice
from conduit.v1.completion_pb2 import CreatedCompletion
from conduit.v1.message_answer_pb2 import MessageEvent
from conduit.v1.response_answer_pb2 import ResponseEvent
from conduit.v1.voice_requests_pb2 import CreateVoiceResponse
from conduit_kernel.rpc import error_of

if TYPE_CHECKING:
    # The generated code has one class; its types have two.
    from tests.faults.fault_case import Case

    from conduit.v1.router_service_pb2_grpc import RouterServiceAsyncStub as RouterStub
else:
    from conduit.v1.router_service_pb2_grpc import RouterServiceStub as RouterStub

Stub = RouterStub
BEARER = f"Bearer {VIRTUAL_KEY}"
# Who has a hard budget, and limits: what calls that fail give back, others use.
BUDGETED_KEY = "condt_budgeted"
# The reasons whose codes over HTTP are others than their names.
REASONS = {
    "rate_limit_exceeded": "PROVIDER_RATE_LIMITED",
    "context_length_exceeded": "CONTEXT_TOO_LONG",
    "content_policy_violation": "CONTENT_POLICY",
}
# What ends an answer in events, by the end of its type.
LAST = (
    *(".completed", ".text.done", ".audio.done"),
    *("response.done", "session.closed", "message_stop"),
)
# What tells of words, by the end of its type.
WORDS = ("text.delta", "transcript.delta", "transcription.delta")


@dataclass
class Came:
    """What a call came to."""

    request_id: str
    # Of the error; empty where the answer is whole.
    reason: str = ""
    text: str = ""
    is_whole: bool = False
    # Whether anything of the answer is there.
    has_begun: bool = False
    seconds: float = 0.0

    def hear(self, event: dict[str, Any]) -> None:
        """Note an event of a stream, or of a session."""
        kind = event.get("type") or ""
        self.has_begun = True
        failed = event if event.get("error") else event.get("response") or {}
        if failed.get("error"):
            self.reason = reason_of(failed["error"])
        for choice in event.get("choices", ()):
            said = choice["text"] if "text" in choice else choice["delta"].get("content")
            self.text += said or ""
        if kind == "content_block_delta":
            self.text += event["delta"]["text"]
        elif kind.endswith(WORDS):
            self.text += event["delta"]
        elif kind.endswith("audio.delta"):
            self.text += b64decode(event["audio"]).decode()
        elif "b64_json" in event and kind.endswith(".completed"):
            self.text += b64decode(event["b64_json"]).decode()
        self.is_whole |= kind.endswith(LAST)

    def read(self, answer: dict[str, Any]) -> None:
        """Note a whole answer, or an error."""
        if answer.get("error"):
            self.reason = reason_of(answer["error"])
            return
        self.is_whole = True
        if "output" in answer:
            self.text = answer["output"][0]["content"][0]["text"]
        elif "text" in answer:
            self.text = answer["text"]
        elif "name" in answer:
            self.text = answer["name"]
        elif "content" in answer:
            self.text = answer["content"][0]["text"]
        elif "choices" in answer:
            choice = answer["choices"][0]
            self.text = choice["text"] if "text" in choice else choice["message"]["content"]
        elif "results" in answer:
            self.text = str(len(answer["results"]))
        elif "b64_json" in answer["data"][0]:
            self.text = b64decode(answer["data"][0]["b64_json"]).decode()
        else:
            self.text = str(len(answer["data"]))


def reason_of(error: dict[str, Any]) -> str:
    """Return the reason that an error's code stands for."""
    code = str(error["code"])
    return REASONS.get(code, code.upper())


async def ask_over_http(
    client: httpx.AsyncClient,
    operation: Operation,
    alias: str,
    came: Came,
    headers: dict[str, str],
) -> None:
    """Make a call, and note what it came to."""
    asked = operation.http(alias)
    content = b""
    async with client.stream("POST", operation.path, headers=headers, **asked) as answer:
        try:
            async for piece in answer.aiter_bytes():
                content += piece
                came.has_begun = True
        except (httpx.RemoteProtocolError, httpx.ReadError):
            # Bytes have no other way to say that they are not all.
            came.reason = "STREAM_INTERRUPTED"
    kind = answer.headers["content-type"]
    if kind.startswith("text/event-stream"):
        _read_events(came, content)
    elif kind.startswith("application/json"):
        came.read(orjson.loads(content))
    else:
        came.text = content.decode()
        came.is_whole = not came.reason


def _read_events(came: Came, content: bytes) -> None:
    for line in content.splitlines():
        if line == b"data: [DONE]":
            came.is_whole = True
        elif line.startswith(b"data: "):
            came.hear(orjson.loads(line[6:]))


async def ask_over_grpc(
    stub: Stub,
    operation: Operation,
    alias: str,
    came: Came,
    options: CallOptions,
    bearer: str = BEARER,
) -> None:
    """Make a call, and note what it came to."""
    call = getattr(stub, operation.rpc)(
        operation.grpc(alias, options), metadata=metadata_of(came.request_id, bearer)
    )
    try:
        if not operation.is_stream:
            _read_message(came, await call)
            return
        async for message in call:
            _hear_message(came, message)
    except grpc.aio.AioRpcError as error:
        came.reason = error_of(error, "router").reason


def metadata_of(request_id: str, bearer: str = BEARER) -> tuple[tuple[str, str], ...]:
    """Return who asks, and which call it is."""
    return ("authorization", bearer), ("x-request-id", request_id)


def bearer_of(case: "Case") -> str:
    """Return whose call a case is."""
    return f"Bearer {BUDGETED_KEY}" if case.is_budgeted else BEARER


def _read_message(came: Came, answer: Any) -> None:  # noqa: ANN401 # of each RPC its own
    came.is_whole = True
    if isinstance(answer, CreateVoiceResponse):
        came.text = answer.voice.name
        return
    form = answer.WhichOneof("form")
    if form == "completion":
        choice = answer.completion.choices[0]
        is_chat = isinstance(choice, ChatChoice)
        came.text = choice.message.content[0].text if is_chat else choice.text
    elif form == "message":
        came.text = answer.message.content[0].text
    elif form == "response":
        came.text = answer.response.output[0].content[0].text
    elif form == "images":
        came.text = answer.images.data[0].b64_json.decode()
    elif form == "transcription":
        came.text = answer.transcription.text
    elif form == "moderation":
        came.text = str(len(answer.moderation.results))
    elif form == "ranking":
        came.text = str(len(answer.ranking.results))
    else:
        came.text = str(len(answer.embeddings.data))


def _hear_message(came: Came, message: Any) -> None:  # noqa: ANN401 # as above
    came.has_begun = True
    for chunk in getattr(message, "chunks", ()):
        came.text += "".join(choice.delta.content for choice in chunk.choices)
    came.text += getattr(message, "audio", b"").decode()
    for piece in getattr(message, "pieces", ()):
        came.text += _text_of(piece)
    came.is_whole |= message.HasField("finished")


def _text_of(piece: Any) -> str:  # noqa: ANN401 # as above
    if isinstance(piece, MessageEvent):
        return piece.delta.text
    if isinstance(piece, CreatedCompletion):
        return "".join(choice.text for choice in piece.choices)
    if isinstance(piece, ResponseEvent):
        return piece.delta
    return _text_in(getattr(piece, piece.WhichOneof("event")))


def _text_in(event: Message) -> str:
    kind = type(event).__name__
    if kind == "SpeechAudioDelta":
        return bytes(event.audio).decode()  # type: ignore[attr-defined] # as the name says
    if kind == "CompletedImage":
        return bytes(event.b64_json).decode()  # type: ignore[attr-defined] # as the name says
    if kind == "TranscriptTextDelta":
        return str(event.delta)  # type: ignore[attr-defined] # as the name says
    return ""
