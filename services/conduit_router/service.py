"""The Router service: who may call, and which call it is. In process and over gRPC alike."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from contextlib import aclosing
from typing import NoReturn
from urllib.parse import unquote

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.decision_pb2 import Candidate as CandidateMessage
from conduit.v1.decision_pb2 import Decision as DecisionMessage
from conduit.v1.model_pb2 import Model
from conduit.v1.router_service_pb2_grpc import RouterServiceServicer
from conduit_kernel.errors import ModelNotFound, NotImplementedYet, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc.auth_interceptor import Context, check_master_key, metadata_of
from conduit_router.calls.call_scope import CallerContext, CallRuntime
from conduit_router.calls.streaming import Streams
from conduit_router.calls.unary import WholeCalls
from conduit_router.routing.decide import Decision
from conduit_router.routing.requirements import Requirements
from conduit_router.routing.table import EMPTY_TABLE, Route
from conduit_router.virtual_keys import VirtualKeys, may_use

Metadata = Iterable[tuple[str, str]]


class RouterStub:
    """The Router, called in process as its gRPC stub would be called from elsewhere.

    Errors are ConduitErrors rather than statuses. `timeout` is for the likeness: a call's time is
    in its options.
    """

    def __init__(
        self, dispatch: CallRuntime, identities: VirtualKeys, ids: IdSource, master_key: str
    ) -> None:
        self._dispatch = dispatch
        self._identities = identities
        self._ids = ids
        self._master_key = master_key.encode()
        self._whole = WholeCalls(dispatch)
        self._streams = Streams(dispatch)

    @property
    def is_ready(self) -> bool:
        """Whether a configuration is known."""
        return self._dispatch.table is not EMPTY_TABLE

    @property
    def revision(self) -> int:
        """Return the revision of the configuration by which calls are served."""
        return self._dispatch.table.revision

    def Chat(
        self, request: pb.ChatRequest, metadata: Metadata = (), timeout: float | None = None
    ) -> Awaitable[pb.ChatResponse]:
        """Ask a model and return the whole answer."""
        return self._whole.chat(request, self._sender(metadata))

    def StreamChat(
        self, request: pb.StreamChatRequest, metadata: Metadata = (), timeout: float | None = None
    ) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Ask a model and return the answer piece by piece."""
        return self._streams.chat(request, self._sender(metadata))

    def Embed(
        self, request: pb.EmbedRequest, metadata: Metadata = (), timeout: float | None = None
    ) -> Awaitable[pb.EmbedResponse]:
        """Turn texts into vectors."""
        return self._whole.embed(request, self._sender(metadata))

    async def ListModels(
        self, request: pb.ListModelsRequest, metadata: Metadata = (), timeout: float | None = None
    ) -> pb.ListModelsResponse:
        """List the aliases that the caller may use."""
        caller = self._sender(metadata).caller
        routes = self._dispatch.table.routes.values()
        models = [_model(r) for r in routes if r.candidates and may_use(caller, r.alias)]
        return pb.ListModelsResponse(object="list", data=models)

    async def GetModel(
        self, request: pb.GetModelRequest, metadata: Metadata = (), timeout: float | None = None
    ) -> pb.GetModelResponse:
        """Return an alias that the caller may use."""
        caller = self._sender(metadata).caller
        route = self._dispatch.table.routes.get(request.model)
        if route is None or not may_use(caller, route.alias):
            raise ModelNotFound(f"The model {request.model!r} does not exist", model=request.model)
        return pb.GetModelResponse(model=_model(route))

    async def ExplainRoute(
        self, request: pb.ExplainRouteRequest, metadata: Metadata = (), timeout: float | None = None
    ) -> pb.ExplainRouteResponse:
        """Say where a request would go, without sending it."""
        given = dict(metadata)
        check_master_key(given.get("x-master-key", ""), self._master_key)
        wants = Requirements(
            request.model,
            request.operation or "chat",
            capabilities=frozenset(request.capabilities),
        )
        seed = request.seed if request.HasField("seed") else None
        decision = self._dispatch.decide(wants, seed, given.get("x-conduit-peer", ""))
        return pb.ExplainRouteResponse(
            decision=_decision(decision, wants, self._dispatch.table.revision)
        )

    async def GenerateImages(
        self, request: object, metadata: Metadata = (), timeout: float | None = None
    ) -> NoReturn:
        """Refuse."""
        raise not_yet("GenerateImages")

    async def EditImages(
        self, request: object, metadata: Metadata = (), timeout: float | None = None
    ) -> NoReturn:
        """Refuse."""
        raise not_yet("EditImages")

    def Speak(
        self, request: object, metadata: Metadata = (), timeout: float | None = None
    ) -> AsyncIterator[NoReturn]:
        """Refuse."""
        return _refuse("Speak")

    async def Transcribe(
        self, request: object, metadata: Metadata = (), timeout: float | None = None
    ) -> NoReturn:
        """Refuse."""
        raise not_yet("Transcribe")

    async def Translate(
        self, request: object, metadata: Metadata = (), timeout: float | None = None
    ) -> NoReturn:
        """Refuse."""
        raise not_yet("Translate")

    def Converse(
        self, request: object, metadata: Metadata = (), timeout: float | None = None
    ) -> AsyncIterator[NoReturn]:
        """Refuse."""
        return _refuse("Converse")

    def _sender(self, metadata: Metadata) -> CallerContext:
        authorization = request_id = peer = ""
        for name, value in metadata:
            if name == "authorization":
                authorization = value
            elif name == "x-request-id":
                request_id = value
            elif name == "x-conduit-peer":
                peer = value
        if not self.is_ready:
            raise ServiceUnavailable("The Router has no configuration yet", service="router")
        caller = self._identities.identify(authorization)
        return CallerContext(caller, request_id or f"req_{self._ids.next()}", peer)


class RouterService(RouterServiceServicer):
    """The Router, called over gRPC."""

    def __init__(self, stub: RouterStub) -> None:
        self._stub = stub

    async def Chat(self, request: pb.ChatRequest, context: Context) -> pb.ChatResponse:
        """Ask a model and return the whole answer."""
        return await self._stub.Chat(request, _metadata(context))

    async def StreamChat(
        self, request: pb.StreamChatRequest, context: Context
    ) -> AsyncIterator[pb.StreamChatResponse]:
        """Ask a model and return the answer piece by piece."""
        async with aclosing(self._stub.StreamChat(request, _metadata(context))) as pieces:
            async for piece in pieces:
                yield piece

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """Turn texts into vectors."""
        return await self._stub.Embed(request, _metadata(context))

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        """List the aliases that the caller may use."""
        return await self._stub.ListModels(request, _metadata(context))

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:
        """Return an alias that the caller may use."""
        return await self._stub.GetModel(request, _metadata(context))

    async def ExplainRoute(
        self, request: pb.ExplainRouteRequest, context: Context
    ) -> pb.ExplainRouteResponse:
        """Say where a request would go, without sending it."""
        return await self._stub.ExplainRoute(request, _metadata(context))

    async def GenerateImages(self, request: object, context: Context) -> NoReturn:
        """Refuse."""
        raise not_yet("GenerateImages")

    async def EditImages(self, request: object, context: Context) -> NoReturn:
        """Refuse."""
        raise not_yet("EditImages")

    async def Speak(self, request: object, context: Context) -> AsyncIterator[pb.SpeakResponse]:
        """Refuse."""
        pieces: AsyncIterator[pb.SpeakResponse] = self._stub.Speak(request)
        async for piece in pieces:
            yield piece

    async def Transcribe(self, request: object, context: Context) -> NoReturn:
        """Refuse."""
        raise not_yet("Transcribe")

    async def Translate(self, request: object, context: Context) -> NoReturn:
        """Refuse."""
        raise not_yet("Translate")

    async def Converse(
        self, request_iterator: object, context: Context
    ) -> AsyncIterator[pb.ConverseResponse]:
        """Refuse."""
        pieces: AsyncIterator[pb.ConverseResponse] = self._stub.Converse(request_iterator)
        async for piece in pieces:
            yield piece


def not_yet(name: str) -> NotImplementedYet:
    """Return the error of an RPC that this version does not do."""
    return NotImplementedYet(f"{name} is not in this version of Conduit", method=name)


async def _refuse(name: str) -> AsyncIterator[NoReturn]:
    raise not_yet(name)
    yield  # pragma: no cover # makes it a generator, as the callers of a streaming RPC expect


def _metadata(context: Context) -> list[tuple[str, str]]:
    given = metadata_of(context)
    # What a caller says of its own address is not believed.
    given["x-conduit-peer"] = _address(context.peer())
    return list(given.items())


def _address(peer: str) -> str:
    # As gRPC writes it: `ipv4:10.0.0.1:4321`, `ipv6:%5B::1%5D:4321`.
    _, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]")


def _model(route: Route) -> Model:
    able: set[str] = set()
    for candidate in route.candidates:
        endpoints = candidate.instance.spec.endpoints
        able |= endpoints.keys() - {"models"}
        able |= candidate.capabilities or (
            endpoints["chat"].capabilities if "chat" in endpoints else set()
        )
    return Model(
        id=route.alias,
        object="model",
        created=route.created,
        owned_by="conduit",
        capabilities=sorted(able),
    )


def _decision(decision: Decision, wants: Requirements, revision: int) -> DecisionMessage:
    message = DecisionMessage(
        model_alias=wants.model,
        operation=wants.operation,
        rejections=decision.rejections,
        seed=decision.seed,
        revision=revision,
    )
    for stop in decision.candidates:
        candidate = stop.candidate
        entry = CandidateMessage(
            provider_id=candidate.provider_id,
            provider_name=candidate.instance.provider.name,
            actual_model_name=candidate.model,
            key_ids=[key.key_id for key in stop.keys],
            priority=candidate.priority,
            weight=candidate.weight,
            mapping_id=candidate.mapping_id,
        )
        if candidate.timeout is not None:
            entry.timeout.FromMilliseconds(int(candidate.timeout * 1000))
        message.candidates.append(entry)
    return message
