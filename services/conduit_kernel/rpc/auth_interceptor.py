"""What stands before every RPC: who may call, and how its errors leave."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from google.protobuf.message import DecodeError

from conduit.v1.options_pb2 import ACCESS_MASTER_KEY, ACCESS_SERVICE, Access
from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    MasterKeyInvalid,
    MasterKeyMissing,
    ServiceTokenInvalid,
)
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc.methods import METHODS
from conduit_kernel.rpc.status import status_of

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    # Generic for type checkers only.
    Context = grpc.aio.ServicerContext
    Handler = grpc.RpcMethodHandler


MAX_REQUEST_ID = 200
SERVICE_HEADER = "x-conduit-service-token"


class AuthInterceptor(grpc.aio.ServerInterceptor):
    """Checks the master key or the service token, as the contract asks, and gives errors statuses.

    Virtual keys are checked by the Router, which alone knows them. RPCs outside the contract
    (health, reflection) are for everybody.
    """

    def __init__(self, master_key: str, service_tokens: Iterable[str] = ()) -> None:
        self._master_key = master_key.encode()
        self._service_tokens = tuple(token.encode() for token in service_tokens)
        self._ids = IdSource()
        self._log = structlog.get_logger("rpc")

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the handler with the checks around it."""
        handler = await continuation(handler_call_details)
        method = METHODS.get(handler_call_details.method)
        if handler is None or method is None:
            return handler
        return self._around(handler, handler_call_details.method, method.access)

    def _around(self, handler: Any, name: str, access: "Access.ValueType") -> Handler:  # noqa: ANN401 # four kinds of handler, told apart by which attribute is set
        async def whole(request: Any, context: Context) -> object:  # noqa: ANN401 # bytes, or a stream of them
            try:
                self._admit(context, access)
                return await inner(read(request), context)
            except ConduitError as error:
                await context.abort_with_status(self._status(error, context))
            except Exception as error:  # noqa: BLE001 # the last line of defence
                foreseen = self._unforeseen(name, error, context)
                await context.abort_with_status(self._status(foreseen, context))
            return None

        async def pieces(request: Any, context: Context) -> AsyncIterator[object]:  # noqa: ANN401 # as above
            try:
                self._admit(context, access)
                async for piece in inner(read(request), context):
                    yield piece
            except ConduitError as error:
                await context.abort_with_status(self._status(error, context))
            except Exception as error:  # noqa: BLE001 # the last line of defence
                foreseen = self._unforeseen(name, error, context)
                await context.abort_with_status(self._status(foreseen, context))

        inner = handler.unary_unary or handler.stream_unary
        around: Any = whole if inner else pieces
        inner = inner or handler.unary_stream or handler.stream_stream
        make = _MAKERS[handler.request_streaming, handler.response_streaming]
        read = _reader(handler)
        # Read here, because gRPC itself would answer INTERNAL to what it cannot read.
        return make(around, None, handler.response_serializer)

    def _admit(self, context: Context, access: "Access.ValueType") -> None:
        if access == ACCESS_MASTER_KEY:
            check_master_key(metadata_of(context).get("x-master-key", ""), self._master_key)
        elif access == ACCESS_SERVICE:
            _check_service_token(metadata_of(context).get(SERVICE_HEADER, ""), self._service_tokens)

    def _status(self, error: ConduitError, context: Context) -> grpc.Status:
        # Some errors know it already: those of the Router, whose charges have it too.
        if "request_id" not in error.metadata:
            error.metadata["request_id"] = self._request_id(context)
        return status_of(error)

    def _request_id(self, context: Context) -> str:
        given = metadata_of(context).get("x-request-id", "")
        return given[:MAX_REQUEST_ID] or f"req_{self._ids.next()}"

    def _unforeseen(self, name: str, error: Exception, context: Context) -> ConduitError:
        # An abort by the handler itself is an exception too, and must go on as it is.
        if isinstance(error, grpc.aio.AbortError):
            raise error
        request_id = self._request_id(context)
        self._log.error("rpc_failed", method=name, request_id=request_id, exc_info=error)
        message = "Conduit failed in a way it did not foresee"
        return ConduitError(message, request_id=request_id)


def _reader(handler: Any) -> Callable[[Any], Any]:  # noqa: ANN401 # of any message
    """Return what reads a message, or a stream of them; it raises InvalidRequest if it cannot."""
    parse = handler.request_deserializer or bytes

    def one(data: bytes) -> object:
        try:
            return parse(data)
        except DecodeError as error:
            raise InvalidRequest("The request is no message of its type") from error

    async def each(stream: AsyncIterator[bytes]) -> AsyncIterator[object]:
        async for data in stream:
            yield one(data)

    return each if handler.request_streaming else one


_MAKERS: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def check_master_key(given: str, master_key: bytes) -> None:
    """Raise unless the master key was given, in time that tells nothing about it."""
    if not given:
        raise MasterKeyMissing("This call wants the master key", header="X-Master-Key")
    if not hmac.compare_digest(given.encode(), master_key):
        raise MasterKeyInvalid("The master key is wrong", header="X-Master-Key")


def _check_service_token(given: str, tokens: tuple[bytes, ...]) -> None:
    """Raise unless one of the tokens was given, in time that tells nothing about them."""
    # All are compared, so that the time does not tell which one it was.
    found = [hmac.compare_digest(given.encode(), token) for token in tokens]
    if not any(found):
        message = "This call is for Conduit's own services, and wants their token"
        raise ServiceTokenInvalid(message, header=SERVICE_HEADER)


def metadata_of(context: Context) -> dict[str, str]:
    """Return a call's metadata that is text; of repeated names the last."""
    return {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
