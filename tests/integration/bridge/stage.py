"""What a bridge needs around it: a Router in process, and control services over gRPC."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from conduit.v1 import provider_requests_pb2 as provider_pb
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.health_service_pb2 import WatchNotificationsRequest, WatchNotificationsResponse
from conduit.v1.health_service_pb2_grpc import HealthServiceServicer
from conduit.v1.model_pb2 import Model
from conduit.v1.provider_pb2 import Provider
from conduit.v1.registry_service_pb2_grpc import RegistryServiceServicer
from conduit_kernel.auth import Principal
from conduit_kernel.errors import (
    ModelNotFound,
    ProviderNotFound,
    UpstreamRateLimited,
    VirtualKeyInvalid,
    VirtualKeyMissing,
)
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
        self.requests: list[Any] = []
        self.principal: Principal
        self.request_id = ""
        self.identified: list[str] = []
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
        self, request: pb.SpeakRequest, **caller: object
    ) -> AsyncGenerator[pb.SpeakResponse, None]:
        """Stream sound, and break off for the voice `broken`."""
        self._note(request, caller)
        yield pb.SpeakResponse(audio=b"\x00\xff", content_type="audio/wav")
        if request.speech.voice == "broken":
            raise UpstreamRateLimited("The provider asked us to slow down")
        yield pb.SpeakResponse(audio=b"\x01")

    async def Transcribe(  # noqa: N802 # the contract's name
        self, request: pb.TranscribeRequest, **caller: object
    ) -> pb.TranscribeResponse:
        """Tell what came."""
        self._note(request, caller)
        answer = pb.TranscribeResponse()
        answer.transcription.text = f"{request.form.filename}: {len(request.form.file)} bytes"
        return answer

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
