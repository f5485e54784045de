"""What a bridge needs around it: a Router in process, and control services over gRPC."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from conduit.v1 import audio_requests_pb2 as audio_pb
from conduit.v1 import converse_requests_pb2 as converse_pb
from conduit.v1 import image_requests_pb2 as image_pb
from conduit.v1 import provider_requests_pb2 as provider_pb
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.form_pb2 import Content
from conduit.v1.health_service_pb2_grpc import HealthServiceServicer
from conduit.v1.json_runtime import parse
from conduit.v1.model_pb2 import Model
from conduit.v1.notification_requests_pb2 import (
    WatchNotificationsRequest,
    WatchNotificationsResponse,
)
from conduit.v1.provider_pb2 import Provider
from conduit.v1.registry_service_pb2_grpc import RegistryServiceServicer
from conduit.v1.speech_json import speech_request_from_json
from conduit_kernel.auth import Principal
from conduit_kernel.errors import UpstreamRateLimited, VirtualKeyInvalid, VirtualKeyMissing
from conduit_kernel.not_found_errors import ModelNotFound, ProviderNotFound
from conduit_kernel.rpc.auth_interceptor import Context, metadata_of

Metadata = tuple[tuple[str, str], ...]
Pieces = AsyncGenerator[pb.StreamChatResponse, None]
MASTER_KEY = "mk-of-the-tests"
ADMIN = {"x-master-key": MASTER_KEY}
CALLER = {"authorization": "Bearer condt_caller"}
UNKNOWN = {"authorization": "Bearer condt_unknown"}


async def soon(event: asyncio.Event) -> None:
    """Wait for what must happen within two seconds."""
    async with asyncio.timeout(2):
        await event.wait()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what must become true within five seconds."""
    async with asyncio.timeout(5):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


def event(text: str) -> bytes:
    """Return a server-sent event with a piece of an answer, as the Router gives it."""
    return (
        b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
        % text.encode()
    )


def piece(text: str, *, is_last: bool = False) -> pb.StreamChatResponse:
    """Return a message of a stream."""
    message = pb.StreamChatResponse(events=event(text))
    if is_last:
        message.events += b"data: [DONE]\n\n"
        message.finished.SetInParent()
    return message


class ScriptedRouter:
    """A Router that does what a test tells it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.is_ready = True
        self.maintenance = ""
        self.requests: list[Any] = []
        self.principal: Principal
        self.request_id = ""
        self.identified: list[str] = []
        # The bytes of the files that came, by their place.
        self.files: dict[int, bytearray] = {}
        self.ended = asyncio.Event()
        self.problem: Exception | None = None
        self.hangs = False
        self.pieces: Callable[[], Pieces] = self._two_pieces

    async def Chat(  # noqa: N802 # the contract's name
        self, request: pb.ChatRequest, **caller: object
    ) -> pb.ChatResponse:
        """Answer with the request's own JSON."""
        self._note(request, caller)
        try:
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.ended.set()
        answer = pb.ChatResponse(json=request.json)
        answer.report.provider_name = "OpenAI Production"
        answer.report.attempts = 2
        answer.report.cost_nano_usd = 1_500_000
        return answer

    async def StreamChat(  # noqa: N802 # the contract's name
        self, request: pb.StreamChatRequest, **caller: object
    ) -> Pieces:
        """Stream what the test says."""
        self._note(request, caller)
        try:
            async for message in self.pieces():
                yield message
        finally:
            self.ended.set()

    async def Speak(  # noqa: N802 # the contract's name
        self, request: audio_pb.SpeakRequest, **caller: object
    ) -> AsyncGenerator[audio_pb.SpeakResponse, None]:
        """Stream sound or events, and break off for the voice `broken`."""
        self._note(request, caller)
        wish = speech_request_from_json(parse(request.json))
        if wish.stream_format == "sse":
            yield audio_pb.SpeakResponse(events=b"data: 1\n\n", content_type="text/event-stream")
        else:
            yield audio_pb.SpeakResponse(audio=b"\x00\xff", content_type="audio/wav")
        if wish.voice.name == "broken":
            raise UpstreamRateLimited("The provider asked us to slow down")
        if self.hangs:
            await asyncio.Event().wait()
        yield audio_pb.SpeakResponse(audio=b"\x01")

    async def Transcribe(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[audio_pb.TranscribeRequest], **caller: object
    ) -> audio_pb.TranscribeResponse:
        """Tell what came, in the type that the prompt names."""
        self.files = {}
        async for request in requests:
            if request.HasField("start"):
                self._note(request, caller)
            self.files.setdefault(request.chunk.index, bytearray()).extend(request.chunk.data)
        form = self.requests[-1].start.multipart
        names = [m.file.filename for m in form.members if m.HasField("file")]
        sizes = [len(data) for _, data in sorted(self.files.items())]
        told = ", ".join(f"{n}: {s} bytes" for n, s in zip(names, sizes, strict=False))
        content = Content(content_type="text/plain; charset=utf-8", body=told.encode())
        return audio_pb.TranscribeResponse(content=content)

    async def StreamTranscribe(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[audio_pb.StreamTranscribeRequest], **caller: object
    ) -> AsyncGenerator[audio_pb.StreamTranscribeResponse, None]:
        """Stream an event for each message, and the end."""
        async for request in requests:
            kind = request.WhichOneof("message") or ""
            yield audio_pb.StreamTranscribeResponse(events=b"data: %b\n\n" % kind.encode())

    async def EditImages(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[image_pb.EditImagesRequest], **caller: object
    ) -> image_pb.EditImagesResponse:
        """Answer with the request's JSON, or with the names of its form's members."""
        self.files = {}
        async for request in requests:
            if request.HasField("start"):
                self._note(request, caller)
            self.files.setdefault(request.chunk.index, bytearray()).extend(request.chunk.data)
        start = self.requests[-1].start
        names = b",".join(m.name.encode() for m in start.multipart.members)
        return image_pb.EditImagesResponse(json=start.json or b'"%b"' % names)

    async def StreamEditImages(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[image_pb.StreamEditImagesRequest], **caller: object
    ) -> AsyncGenerator[image_pb.StreamEditImagesResponse, None]:
        """Stream one event."""
        async for request in requests:
            if request.HasField("start"):
                self._note(request, caller)
        yield image_pb.StreamEditImagesResponse(events=b"data: {}\n\n")

    async def Converse(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[converse_pb.ConverseRequest], **caller: object
    ) -> AsyncGenerator[converse_pb.ConverseResponse, None]:
        """Open, send each event back until one says `bye`, fail at `fail`."""
        try:
            async for request in requests:
                if request.HasField("start"):
                    self._note(request, caller)
                    yield converse_pb.ConverseResponse(started=CallReport(attempts=1))
                elif request.json == b"fail":
                    raise UpstreamRateLimited("The provider asked us to slow down")
                elif request.json == b"bye":
                    break
                else:
                    yield converse_pb.ConverseResponse(json=request.json)
            yield converse_pb.ConverseResponse(finished=converse_pb.SessionEnd(seconds=1))
        finally:
            self.ended.set()

    async def GetModel(  # noqa: N802 # the contract's name
        self, request: pb.GetModelRequest, **caller: object
    ) -> pb.GetModelResponse:
        """Know every model but one."""
        self._note(request, caller)
        if request.model == "gpt-9":
            raise ModelNotFound("The model 'gpt-9' does not exist", model="gpt-9")
        return pb.GetModelResponse(model=Model(id=request.model, object="model"))

    def plain_rpc(self, rpc: str) -> Any:  # noqa: ANN401 # an RPC
        """Have messages around everything."""
        return None

    def __getattr__(self, name: str) -> object:
        """Have the other RPCs as well; no test calls them."""
        if name.startswith("_"):
            raise AttributeError(name)
        return name

    def identify(self, authorization: str) -> str:
        """Know every virtual key but one."""
        self.identified.append(authorization)
        if not authorization.lower().startswith("bearer "):
            raise VirtualKeyMissing("This call needs a virtual key")
        if authorization == UNKNOWN["authorization"]:
            raise VirtualKeyInvalid("This virtual key is unknown")
        return authorization

    identify_session = identify
    identify_administrator = None

    def _note(self, request: object, caller: dict[str, object]) -> None:
        self.requests.append(request)
        assert isinstance(caller["principal"], Principal)
        self.principal = caller["principal"]
        self.request_id = str(caller["request_id"])
        if self.problem is not None:
            raise self.problem

    async def _two_pieces(self) -> Pieces:
        first = piece("Hel")
        first.started.provider_name = "OpenAI Production"
        yield first
        yield piece("lo", is_last=True)


class Registry(RegistryServiceServicer):
    """A Registry with one provider."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.hangs = False
        self.ended = asyncio.Event()
        self.created: list[provider_pb.CreateProviderRequest] = []

    async def CreateProvider(  # noqa: N802 # the contract's name
        self, request: provider_pb.CreateProviderRequest, context: Context
    ) -> provider_pb.CreateProviderResponse:
        """Keep the request."""
        self.created.append(request)
        spec = request.provider
        return provider_pb.CreateProviderResponse(
            provider=Provider(id=1, name=spec.name, provider_type=spec.provider_type)
        )

    async def GetProvider(  # noqa: N802 # the contract's name
        self, request: provider_pb.GetProviderRequest, context: Context
    ) -> provider_pb.GetProviderResponse:
        """Know provider 1 only."""
        self.metadata = metadata_of(context)
        try:
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.ended.set()
        if request.id != 1:
            text = f"Provider with ID {request.id} not found"
            raise ProviderNotFound(text, provider_id=str(request.id))
        return provider_pb.GetProviderResponse(provider=Provider(id=1, name="one"))

    async def DeleteProvider(  # noqa: N802 # the contract's name
        self, request: provider_pb.DeleteProviderRequest, context: Context
    ) -> provider_pb.DeleteProviderResponse:
        """Say yes."""
        return provider_pb.DeleteProviderResponse()


class Health(HealthServiceServicer):
    """A Health service whose news a test writes."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[WatchNotificationsResponse] = asyncio.Queue()
        self.ended = asyncio.Event()

    async def WatchNotifications(  # noqa: N802 # the contract's name
        self,
        request: WatchNotificationsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[WatchNotificationsResponse]:
        """Stream the news."""
        try:
            while True:
                yield await self.news.get()
        finally:
            self.ended.set()
