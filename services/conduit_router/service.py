"""The Router service: its RPCs come from the contract, in process and over gRPC alike."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from conduit.v1 import options_pb2
from conduit.v1.response_requests_pb2 import StreamCreateResponseResponse
from conduit.v1.router_service_pb2 import DESCRIPTOR
from conduit_kernel.auth import AdministratorResolver, Principal, PrincipalKind, current_principal
from conduit_kernel.errors import ConduitError, NotImplementedYet
from conduit_kernel.http import SpillSpace
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc.auth_interceptor import Context, metadata_of
from conduit_providers.operation import (
    AnsweredOperation,
    EstimatingOperation,
    SessionOperation,
    StreamedOperation,
    StreamedUploadOperation,
    UploadOperation,
)
from conduit_providers.operations import operation
from conduit_router.batches.calls import BatchCalls
from conduit_router.batches.rpcs import BatchRpcs
from conduit_router.batches.storage import BatchStorage
from conduit_router.caller_usage import CallerUsage
from conduit_router.calls.estimating import EstimatingCalls
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls
from conduit_router.calls.uploads import (
    StreamingUploadCalls,
    UploadCalls,
    answering_to_end,
    streaming_to_end,
)
from conduit_router.client_secrets import ClientSecrets
from conduit_router.content_models import ContentModels
from conduit_router.context import CallerContext
from conduit_router.files.keeping import FileKeeper
from conduit_router.files.rpcs import FileRpcs
from conduit_router.idempotency.calls import IdempotentCalls
from conduit_router.idempotency.metadata import has_options, with_key
from conduit_router.idempotency.rpcs import KeyedRpc
from conduit_router.mcp.rpcs import McpRpcs
from conduit_router.message_models import MessageModels
from conduit_router.passthrough.rpcs import PassThroughRpc
from conduit_router.queries import MAX_REQUEST_ID, FindRequests, Queries, find_nothing
from conduit_router.responses.background import BackgroundResponses
from conduit_router.responses.background_queries import BackgroundQueries
from conduit_router.responses.calls import GoingOnCalls, KeptStreamingCalls, KeptUnaryCalls
from conduit_router.responses.connections import ResponseConnections
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.keeping import ResponseKeeping
from conduit_router.responses.queries import ResponseQueries
from conduit_router.routing.maintenance import WHOLE
from conduit_router.routing.table import EMPTY_TABLE, Caller
from conduit_router.sessions.session import NoVoices, SessionCalls
from conduit_router.sessions.upstream_session import SessionLimits
from conduit_router.tasks.calls import TaskCalls
from conduit_router.tasks.queries import TaskQueries
from conduit_router.tasks.running import RunningTasks
from conduit_router.virtual_keys import VirtualKeys, called_by
from conduit_router.voices.consents import VoiceConsents
from conduit_router.voices.conversing import Conversing
from conduit_router.voices.listing import Voices
from conduit_router.voices.making import VoiceMaking
from conduit_router.voices.speaking import Speaking
from conduit_router.voices.storage import VoiceStorage

SERVICE = DESCRIPTOR.services_by_name["RouterService"]
# Of RPCs that ask for the master key, not for a virtual one.
OPERATOR = Caller(0, is_enabled=True, expires_at=0.0, allowed=None)

# Their methods are the RPCs that call no model, or that do more than call one.
OWN: tuple[type, ...] = (
    *(Queries, ClientSecrets, Voices, TaskQueries, VoiceConsents, VoiceMaking, Speaking),
    *(MessageModels, ContentModels, CallerUsage, ResponseConnections, ResponseQueries),
    *(BackgroundQueries, FileRpcs, BatchRpcs, PassThroughRpc, McpRpcs),
)

# Looked up for each call of a model otherwise.
_ADMINISTRATOR = PrincipalKind.ADMINISTRATOR

# Awaited for one answer, iterated for a stream.
Rpc = Callable[[Any, CallerContext], Any]
Plain = Callable[..., Awaitable[Any]]

_RESPONSE = "response"
# What may go on from a response, and comes to none.
_GOING_ON = frozenset({"response_count", "response_compaction"})
# What makes calls without messages around JSON as well.
_PLAIN = UnaryCalls, StreamingCalls, KeptUnaryCalls, KeptStreamingCalls


class RouterStub:
    """The Router, called in process as its gRPC stub would be called from elsewhere.

    Each RPC of the contract is an attribute: `await stub.Chat(request, principal=, request_id=)`
    for one answer, an async generator for a stream. The edge has authorized the principal; no
    credential comes here. Errors are ConduitErrors rather than statuses. A call's time is in its
    options; other arguments of gRPC's stubs are taken and not used.
    """

    def __init__(
        self,
        runtime: CallRuntime,
        virtual_keys: VirtualKeys,
        ids: IdSource,
        uploads: SpillSpace,
        session_limits: SessionLimits,
        *,
        find_requests: FindRequests = find_nothing,
        tasks: RunningTasks | None = None,
        voices: VoiceStorage | None = None,
        usage: CallerUsage | None = None,
        idempotent: IdempotentCalls | None = None,
        responses: ResponseKeeper | None = None,
        files: FileKeeper | None = None,
        batches: BatchStorage | None = None,
        mcp: McpRpcs | None = None,
    ) -> None:
        """Take what calls are made with, who calls, and the room for the files that calls bring.

        `find_requests` finds recent requests on all routers; without `tasks`, there are none,
        without `voices` none are made, without `usage` nobody learns theirs, without
        `idempotent` no key makes calls one, without `responses`, `files`, `batches` none is kept,
        without `mcp` no server of it is asked.
        """
        self._idempotent = idempotent
        self._runtime = runtime
        self._ids = ids
        self._tasks = tasks
        # Returns the holder of a virtual key. One of the VIRTUAL_KEY errors if there is none.
        self.identify = virtual_keys.identify
        # Returns whose token it is. AdministratorTokenInvalid if it is nobody's.
        self.identify_administrator: AdministratorResolver | None = None
        secrets = ClientSecrets(runtime, virtual_keys)
        # Also that of a client secret, for sessions.
        self.identify_session = secrets.identify
        own: list[object] = [Queries(runtime, find_requests), secrets, Voices(runtime, voices)]
        own += MessageModels(runtime), ContentModels(runtime), PassThroughRpc(runtime)
        own += filter(None, (usage, mcp))
        self._keeping: ResponseKeeping | None = None
        if responses is not None:
            self._keeping = ResponseKeeping(runtime, responses, ids)
        responding = operation(_RESPONSE)
        assert isinstance(responding, StreamedOperation)  # noqa: S101 # as the contract says
        streaming = StreamingCalls(runtime, responding, StreamCreateResponseResponse)
        self._background: BackgroundResponses | None = None
        if responses is not None and self._keeping is not None:
            if tasks is not None:
                self._background = BackgroundResponses(
                    runtime,
                    responding,
                    streaming,
                    keeper=responses,
                    keeping=self._keeping,
                    tasks=tasks,
                )
                own.append(BackgroundQueries(runtime, responses, self._background))
            own.append(ResponseQueries(runtime, responses, self._background))
        answering = self._kept(streaming)
        own.append(ResponseConnections(runtime, virtual_keys, ids, session_limits, answering))
        if tasks is not None:
            own.append(TaskQueries(tasks))
        if files is not None and batches is not None:
            own += FileRpcs(runtime, files, uploads), BatchRpcs(runtime, batches, ids)
        if voices is not None:
            consents = VoiceConsents(runtime, voices, ids, uploads, virtual_keys.clock)
            own += consents, VoiceMaking(runtime, voices, consents, ids, uploads)
            own.append(Speaking(runtime, voices))
        rpcs = {
            m.name: self._task_calls(m, uploads)
            or _own_rpc(m, own)
            or self._kept(_rpc(m, runtime, uploads, session_limits, voices, keyed=self._keyed(m)))
            for m in SERVICE.methods
        }
        # What requests of batches are made with.
        self.batch_calls = BatchCalls(rpcs)
        self._calls = {name: rpc for name, rpc in rpcs.items() if isinstance(rpc, _PLAIN)}
        self._rpcs = {
            m.name: self._bound(self._made_once(m, rpcs[m.name])) for m in SERVICE.methods
        }

    def __getattr__(self, rpc: str) -> Callable[..., Any]:
        """Return an RPC of the contract."""
        try:
            return self.__dict__["_rpcs"][rpc]  # type: ignore[no-any-return] # as it was made
        except KeyError:
            raise AttributeError(rpc) from None

    def plain_rpc(self, rpc: str) -> Plain | None:
        """Return an RPC without messages around its JSON; None if it makes no calls.

        It takes the body, who calls and the request's id, and returns `(body, CallSummary)`. For a
        stream it also takes what opens it, given a CallSummary, and writes events to it.
        """
        calls = self._calls.get(rpc)
        return calls.plain if calls is not None else None

    @property
    def is_ready(self) -> bool:
        """Return whether a configuration is known."""
        return self._runtime.table is not EMPTY_TABLE

    @property
    def maintenance(self) -> str:
        """Return what callers are told of the maintenance under way, empty for none."""
        window = self._runtime.table.maintenance.get(WHOLE)
        return "" if window is None else window.message

    @property
    def problems(self) -> list[str]:
        """Return why no calls should be sent here yet."""
        return [] if self.is_ready else ["the router has no configuration yet"]

    @property
    def revision(self) -> int:
        """Return the revision of the configuration by which calls are served."""
        return self._runtime.table.revision

    def _task_calls(self, method: MethodDescriptor, uploads: SpillSpace) -> TaskCalls | None:
        """Return what begins the tasks of an RPC; None for one that begins none."""
        found = operation(method.GetOptions().Extensions[options_pb2.serving].task_of)
        if found is None or self._tasks is None:
            return None
        assert isinstance(found, AnsweredOperation)  # noqa: S101 # as the contract says
        response = GetMessageClass(method.output_type)
        return TaskCalls(self._runtime, found, response, self._tasks, ids=self._ids, space=uploads)

    def _kept(self, rpc: Any) -> Any:  # noqa: ANN401 # of its kind
        """Return an RPC whose responses are kept, if it makes any."""
        if self._keeping is None:
            return rpc
        if isinstance(rpc, UnaryCalls | EstimatingCalls) and rpc.operation.served_as in _GOING_ON:
            return GoingOnCalls(rpc, self._keeping)
        if isinstance(rpc, UnaryCalls) and rpc.operation.served_as == _RESPONSE:
            return KeptUnaryCalls(rpc, self._keeping, self._background)
        if isinstance(rpc, StreamingCalls) and rpc.operation.served_as == _RESPONSE:
            return KeptStreamingCalls(rpc, self._keeping, self._background)
        return rpc

    def _keyed(self, method: MethodDescriptor) -> KeyedRpc | None:
        if self._idempotent is None:
            return None
        return KeyedRpc(method, self._idempotent, self._runtime.caps)

    def _made_once(self, method: MethodDescriptor, rpc: Rpc) -> Rpc:
        """Return an RPC that makes calls with the same idempotency key once, if it makes calls."""
        keyed = self._keyed(method)
        # Those with many requests know their first one's key when they have it.
        if keyed is None or method.client_streaming or not has_options(method):
            return rpc
        return keyed.streaming(rpc) if method.server_streaming else keyed.unary(rpc)

    def _bound(self, rpc: Rpc) -> Callable[..., Any]:
        def call(
            request: Any,  # noqa: ANN401 # of each RPC its own
            *,
            principal: Principal,
            request_id: str = "",
            **_: object,
        ) -> Any:  # noqa: ANN401 # as above
            return rpc(request, self._context(principal, request_id))

        return call

    def _context(self, principal: Principal, request_id: str) -> CallerContext:
        # Nobody becomes the operator for want of a virtual key.
        caller: Caller = OPERATOR if principal.kind is _ADMINISTRATOR else principal.virtual_key
        return called_by(principal, caller, request_id or f"req_{self._ids.next()}")


def _own_rpc(method: MethodDescriptor, own: Iterable[object]) -> Rpc | None:
    """Return the method of `own` that does an RPC; None if there is none."""
    return next(filter(None, (getattr(each, method.name, None) for each in own)), None)


def _rpc(
    method: MethodDescriptor,
    runtime: CallRuntime,
    uploads: SpillSpace,
    session_limits: SessionLimits,
    voices: VoiceStorage | None,
    *,
    keyed: KeyedRpc | None,
) -> Rpc:
    """Return what does an RPC: a call of its operation, or a refusal."""
    name = method.GetOptions().Extensions[options_pb2.serving].operation
    response, found = GetMessageClass(method.output_type), operation(name)
    if found is None:
        return _refusal(method)
    if isinstance(found, UploadOperation):
        if not method.server_streaming:
            return UploadCalls(runtime, found, response, uploads, keyed)
        assert isinstance(found, StreamedUploadOperation)  # noqa: S101 # as the contract says
        return StreamingUploadCalls(runtime, found, response, uploads, keyed)
    if isinstance(found, SessionOperation):
        of = NoVoices if voices is None else Conversing(runtime, voices).voices_of
        return SessionCalls(runtime, found, session_limits, of)
    if method.server_streaming:
        assert isinstance(found, StreamedOperation)  # noqa: S101 # a test holds the contract to it
        return StreamingCalls(runtime, found, response)
    assert isinstance(found, AnsweredOperation)  # noqa: S101 # as above
    return (
        EstimatingCalls(runtime, found, response)
        if isinstance(found, EstimatingOperation)
        else UnaryCalls(runtime, found, response)
    )


def _refusal(method: MethodDescriptor) -> Rpc:
    """Return an RPC that this version does not do."""

    async def refuse(*_: object) -> NoReturn:
        raise not_yet(method.name)

    async def refuse_stream(*_: object) -> AsyncIterator[NoReturn]:
        raise not_yet(method.name)
        yield  # pragma: no cover # makes it a generator, as callers of a streaming RPC expect

    return refuse_stream if method.server_streaming else refuse


def not_yet(name: str) -> NotImplementedYet:
    """Return the error of an RPC that this version does not do."""
    return NotImplementedYet(f"{name} is not in this version of Conduit", method=name)


def handlers(stub: RouterStub) -> grpc.GenericRpcHandler:
    """Return the Router's RPCs as a gRPC server takes them."""
    ids = IdSource()
    return grpc.method_handlers_generic_handler(
        SERVICE.full_name,
        {m.name: _handler(m, getattr(stub, m.name), ids) for m in SERVICE.methods},
    )


def _handler(method: MethodDescriptor, rpc: Callable[..., Any], ids: IdSource) -> Any:  # noqa: ANN401 # gRPC's own
    if "chunk" in method.input_type.fields_by_name:
        rpc = streaming_to_end(rpc) if method.server_streaming else answering_to_end(rpc)
    keyed = with_key(method)

    async def unary(request: Any, context: Context) -> Any:  # noqa: ANN401 # of each RPC its own
        request_id, request = _request_id(context, ids), keyed(request, context)
        with _naming(request_id):
            return await rpc(request, principal=current_principal(), request_id=request_id)

    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401 # as above
        request_id, request = _request_id(context, ids), keyed(request, context)
        with _naming(request_id):
            call = rpc(request, principal=current_principal(), request_id=request_id)
            async with aclosing(call) as pieces:
                async for piece in pieces:
                    yield piece

    makers = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return makers[method.client_streaming, method.server_streaming](
        stream if method.server_streaming else unary,
        GetMessageClass(method.input_type).FromString,
        GetMessageClass(method.output_type).SerializeToString,
    )


@contextmanager
def _naming(request_id: str) -> Iterator[None]:
    """Let an error name the request by the id that its charges have."""
    try:
        yield
    except ConduitError as error:
        error.metadata.setdefault("request_id", request_id)
        raise


def _request_id(context: Context, ids: IdSource) -> str:
    # Errors name it as charges do, so it has to be known before the call begins.
    given = metadata_of(context).get("x-request-id", "")
    return given if 0 < len(given) <= MAX_REQUEST_ID else f"req_{ids.next()}"
