"""The Router service: its RPCs come from the contract, in process and over gRPC alike."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from conduit.v1 import options_pb2
from conduit.v1.router_service_pb2 import DESCRIPTOR
from conduit_kernel.errors import ConduitError, NotImplementedYet, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc.auth_interceptor import Context, check_master_key, metadata_of
from conduit_providers.operation import StreamedOperation
from conduit_providers.operations import operation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext
from conduit_router.queries import Queries
from conduit_router.routing.table import EMPTY_TABLE, Caller
from conduit_router.virtual_keys import VirtualKeys

SERVICE = DESCRIPTOR.services_by_name["RouterService"]
# Of RPCs that ask for the master key, not for a virtual one.
OPERATOR = Caller(0, is_enabled=True, expires_at=0.0, allowed=None)

Metadata = Iterable[tuple[str, str]]
# Awaited for one answer, iterated for a stream.
Rpc = Callable[[Any, CallerContext], Any]
Plain = Callable[[bytes, str, str, str], Any]


class RouterStub:
    """The Router, called in process as its gRPC stub would be called from elsewhere.

    Each RPC of the contract is an attribute: `await stub.Chat(request, metadata)` for one answer,
    an async generator for a stream. Errors are ConduitErrors rather than statuses. A call's
    time is in its options; other arguments of gRPC's stubs are taken and not used.
    """

    def __init__(
        self, runtime: CallRuntime, virtual_keys: VirtualKeys, ids: IdSource, master_key: str
    ) -> None:
        self._runtime = runtime
        self._virtual_keys = virtual_keys
        self._ids = ids
        self._master_key = master_key.encode()
        queries = Queries(runtime)
        rpcs = {m.name: _rpc(m, runtime, queries) for m in SERVICE.methods}
        self._calls = {
            name: rpc for name, rpc in rpcs.items() if isinstance(rpc, UnaryCalls | StreamingCalls)
        }
        self._rpcs = {m.name: self._bound(m, rpcs[m.name]) for m in SERVICE.methods}

    def __getattr__(self, rpc: str) -> Callable[..., Any]:
        """Return an RPC of the contract."""
        try:
            return self.__dict__["_rpcs"][rpc]  # type: ignore[no-any-return] # as it was made
        except KeyError:
            raise AttributeError(rpc) from None

    def plain_rpc(self, rpc: str) -> Plain | None:
        """Return an RPC without messages around its JSON; None if it makes no calls.

        It takes the body, the credentials (`authorization`), the request's id and the caller's
        address; it returns `(body, CallSummary)`, or yields `(CallSummary, events)` and then
        events.
        """
        calls = self._calls.get(rpc)
        if calls is None:
            return None

        def call(body: bytes, authorization: str, request_id: str, peer: str) -> Any:  # noqa: ANN401 # one answer or a stream
            return calls.plain(body, self._identified(authorization, request_id, peer))

        return call

    @property
    def is_ready(self) -> bool:
        """Whether a configuration is known."""
        return self._runtime.table is not EMPTY_TABLE

    @property
    def revision(self) -> int:
        """Return the revision of the configuration by which calls are served."""
        return self._runtime.table.revision

    def _bound(self, method: MethodDescriptor, rpc: Rpc) -> Callable[..., Any]:
        serving = method.GetOptions().Extensions[options_pb2.serving]
        admitted = (
            self._operator if serving.access == options_pb2.ACCESS_MASTER_KEY else self._caller
        )

        def call(request: Any, metadata: Metadata = (), **_: object) -> Any:  # noqa: ANN401 # of each RPC its own
            return rpc(request, admitted(metadata))

        return call

    def _caller(self, metadata: Metadata) -> CallerContext:
        authorization = request_id = peer = ""
        for name, value in metadata:
            if name == "authorization":
                authorization = value
            elif name == "x-request-id":
                request_id = value
            elif name == "x-conduit-peer":
                peer = value
        return self._identified(authorization, request_id or f"req_{self._ids.next()}", peer)

    def _identified(self, authorization: str, request_id: str, peer: str) -> CallerContext:
        if not self.is_ready:
            raise ServiceUnavailable("The Router has no configuration yet", service="router")
        return CallerContext(self._virtual_keys.identify(authorization), request_id, peer)

    def _operator(self, metadata: Metadata) -> CallerContext:
        given = dict(metadata)
        check_master_key(given.get("x-master-key", ""), self._master_key)
        return CallerContext(
            OPERATOR, given.get("x-request-id", ""), given.get("x-conduit-peer", "")
        )


def _rpc(method: MethodDescriptor, runtime: CallRuntime, queries: Queries) -> Rpc:
    """Return what does an RPC: a call of its operation, a query, or a refusal."""
    name = method.GetOptions().Extensions[options_pb2.serving].operation
    response, found = GetMessageClass(method.output_type), operation(name)
    if found is None:
        query: Rpc | None = getattr(queries, method.name, None)
        return query or _refusal(method)
    if not method.server_streaming:
        return UnaryCalls(runtime, found, response)
    assert isinstance(found, StreamedOperation)  # noqa: S101 # a test holds the contract to it
    return StreamingCalls(runtime, found, response)


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
    async def unary(request: Any, context: Context) -> Any:  # noqa: ANN401 # of each RPC its own
        metadata = _metadata(context, ids)
        with _naming(metadata):
            return await rpc(request, metadata)

    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401 # as above
        metadata = _metadata(context, ids)
        with _naming(metadata):
            async with aclosing(rpc(request, metadata)) as pieces:
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
def _naming(metadata: Metadata) -> Iterator[None]:
    """Let an error name the request by the id that its charges have."""
    try:
        yield
    except ConduitError as error:
        error.metadata.setdefault("request_id", dict(metadata)["x-request-id"])
        raise


def _metadata(context: Context, ids: IdSource) -> list[tuple[str, str]]:
    given = metadata_of(context)
    # Errors name it as charges do, so it has to be known before the call begins.
    given["x-request-id"] = given.get("x-request-id") or f"req_{ids.next()}"
    # What a caller says of its own address is not believed.
    given["x-conduit-peer"] = _address(context.peer())
    return list(given.items())


def _address(peer: str) -> str:
    # As gRPC writes it: `ipv4:10.0.0.1:4321`, `ipv6:%5B::1%5D:4321`.
    _, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]")
