"""What stands before every RPC: who may call, and how its errors leave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import grpc
import structlog
from google.protobuf.message import DecodeError
from msgspec.structs import replace

from conduit_kernel.auth import (
    CERTIFICATE_HEADER,
    MASTER_KEY_HEADER,
    Authorizer,
    Principal,
    PrincipalKind,
    set_principal,
)
from conduit_kernel.auth_errors import LoginThrottled
from conduit_kernel.errors import ConduitError, InvalidRequest, ServiceUnavailable
from conduit_kernel.http.descriptors import lack_told_by
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc.message_room import HeldMessages, MessageRoom
from conduit_kernel.rpc.methods import METHODS
from conduit_kernel.rpc.observed import ObservedCall, ObservedRpcs
from conduit_kernel.rpc.status import status_of

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    # Generic for type checkers only.
    Context = grpc.aio.ServicerContext
    Handler = grpc.RpcMethodHandler


# Of a call, as far as it is text.
Metadata = dict[str, str]

MAX_REQUEST_ID = 200
PEER_HEADER = "x-conduit-peer"
# As gRPC names them, in the order of `CallerSecurity`.
_CERTIFICATE_NAMES = ("peer_uri", "peer_dns", "peer_email", "x509_common_name")
# Of what the contract does not have; callers choose its name.
_UNKNOWN = "unknown"


class AuthInterceptor(grpc.aio.ServerInterceptor):
    """Authorizes calls by their metadata, before their messages are read; gives errors a status.

    RPCs find who calls with `current_principal`.
    """

    def __init__(
        self, authorizer: Authorizer, messages: MessageRoom, rpcs: ObservedRpcs | None = None
    ) -> None:
        """Take what bounds messages, and what counts the calls and writes their lines."""
        self._authorizer = authorizer
        self._messages = messages
        self._ids = IdSource()
        self._rpcs = rpcs or ObservedRpcs()
        self._log = structlog.get_logger("rpc")
        # The calls under way, with their metadata, and those that were ended as the server stops.
        self._tasks: dict[asyncio.Task[Any], Metadata] = {}
        self._ended = set[asyncio.Task[Any]]()

    def end_calls(self) -> None:
        """End the calls under way with UNAVAILABLE: their callers may try them elsewhere.

        Those of bridges are left to gRPC, which cancels them: a bridge's channel makes what was
        CANCELLED again by itself, and nothing else, as it cannot know that from the Router's own.
        """
        for task, metadata in self._tasks.items():
            if PEER_HEADER not in metadata:
                self._ended.add(task)
                task.cancel()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the handler with what belongs around it, or one that refuses the call."""
        name = handler_call_details.method
        metadata = _text_of(handler_call_details.invocation_metadata)
        try:
            principal = self._authorizer.authorize(name, metadata)
        except ConduitError as error:
            return self._refusing(name, error, metadata)
        handler = await continuation(handler_call_details)
        if handler is None or name not in METHODS:
            return handler
        return self._around(handler, name, principal, metadata)

    def _around(
        self,
        handler: Any,  # noqa: ANN401 # four kinds of handler, told apart by which attribute is set
        name: str,
        principal: Principal,
        metadata: Metadata,
    ) -> Handler:
        async def unary(requests: AsyncIterator[bytes], context: Context) -> object:
            with (
                self._observed(name, principal, metadata) as call,
                self._held(principal, context) as held,
            ):
                try:
                    set_principal(self._located(principal, context, metadata))
                    return await inner(await read(requests, held), context)
                except asyncio.CancelledError:
                    await self._end_stopped(call, context, metadata)
                    raise
                except Exception as error:  # noqa: BLE001 # the last line of defence
                    failed_by = self._foreseen(name, error, metadata)
                # Not within: an abort there would keep the error, and so the call's memory.
                await _abort(call, failed_by, context)
                return None

        async def streaming(
            requests: AsyncIterator[bytes], context: Context
        ) -> AsyncIterator[object]:
            with (
                self._observed(name, principal, metadata) as call,
                self._held(principal, context) as held,
            ):
                try:
                    set_principal(self._located(principal, context, metadata))
                    async for message in inner(await read(requests, held), context):
                        yield message
                except asyncio.CancelledError:
                    await self._end_stopped(call, context, metadata)
                    raise
                except Exception as error:  # noqa: BLE001 # the last line of defence
                    failed_by = self._foreseen(name, error, metadata)
                else:
                    return
                # As above.
                await _abort(call, failed_by, context)

        inner = handler.unary_unary or handler.stream_unary
        around: Any = unary if inner else streaming
        inner = inner or handler.unary_stream or handler.stream_stream
        make = _MAKERS[bool(handler.response_streaming)]
        read = _reader(handler)
        # Read here, as of a stream: gRPC itself would read a single message before anybody has
        # looked at the caller's rules, and answer INTERNAL to what it cannot read.
        return make(around, None, handler.response_serializer)

    def _held(self, principal: Principal, context: Context) -> HeldMessages:
        address = address_of(context.peer())
        of_service = principal.kind is PrincipalKind.SERVICE
        return self._messages.for_call(address, speaks_for_others=of_service or not address)

    def _guesser(self, context: Context, metadata: Metadata) -> str:
        """Return the address of whoever may be guessing; empty for our own services."""
        if self._authorizer.is_service(metadata):
            return metadata.get(PEER_HEADER, "")
        return address_of(context.peer())

    def _located(self, principal: Principal, context: Context, metadata: Metadata) -> Principal:
        """Return the principal with address and certificate, which only the call's context knows.

        What a caller says of another's is believed of our own services alone. Raises what follows
        from them.
        """
        said = self._authorizer.is_service(metadata) and metadata.get(PEER_HEADER, "")
        located = replace(
            principal,
            address=said or address_of(context.peer()),
            certificate=metadata.get(CERTIFICATE_HEADER, "") if said else certificate_of(context),
        )
        if MASTER_KEY_HEADER in metadata:
            self._authorizer.check_address(metadata, self._guesser(context, metadata))
        self._authorizer.check_rules(located)
        return located

    def _refusing(self, name: str, error: ConduitError, metadata: Metadata) -> Handler:
        """Return a handler that refuses; one of streams, because those start before any message."""

        async def refuse(_: object, context: Context) -> None:
            with self._observed(name if name in METHODS else _UNKNOWN, None, metadata) as call:
                refused = error
                try:
                    guesser = self._guesser(context, metadata)
                    self._authorizer.note_refusal(error, metadata, guesser)
                except LoginThrottled as throttled:
                    refused = throttled
                await _abort(call, self._named(refused, metadata), context)

        return grpc.stream_stream_rpc_method_handler(refuse)

    @contextmanager
    def _observed(
        self, name: str, principal: Principal | None, metadata: Metadata
    ) -> Iterator[ObservedCall]:
        call, is_whole = self._rpcs.begin(name), False
        call.is_internal = principal is not None and principal.kind is PrincipalKind.SERVICE
        task = asyncio.current_task()
        if task is not None:
            self._tasks[task] = metadata
        with self._rpcs.span(name, metadata) as call.span:
            try:
                yield call
                is_whole = True
            finally:
                if task is not None:
                    self._tasks.pop(task, None)
                request_id = metadata.get("x-request-id", "")[:MAX_REQUEST_ID]
                call.end(request_id, is_whole=is_whole)

    async def _end_stopped(self, call: ObservedCall, context: Context, metadata: Metadata) -> None:
        """End a call that was cancelled because the server stops, not by its caller."""
        if asyncio.current_task() in self._ended:
            error = ServiceUnavailable("The service is stopping", retry_after_ms="1000")
            call.failed_by = self._named(error, metadata)
            await context.abort_with_status(status_of(error))

    def _named(self, error: ConduitError, metadata: Metadata) -> ConduitError:
        # Some errors know it already: those of the Router, whose charges have it too.
        if "request_id" not in error.metadata:
            error.metadata["request_id"] = self._request_id(metadata)
        return error

    def _request_id(self, metadata: Metadata) -> str:
        given = metadata.get("x-request-id", "")
        return given[:MAX_REQUEST_ID] or f"req_{self._ids.next()}"

    def _foreseen(self, name: str, error: Exception, metadata: Metadata) -> ConduitError:
        """Return what the caller may know of an error, and nothing else of it.

        Log what nobody foresaw.
        """
        # An abort by the handler itself is an exception too, and must go on as it is.
        if isinstance(error, grpc.aio.AbortError):
            try:
                raise error
            finally:
                del error
        if isinstance(error, ConduitError):
            # Without the frames that it came through, which have the request.
            return copy(self._named(error, metadata))
        if (lack := lack_told_by(error)) is not None:
            return self._named(lack, metadata)
        request_id = self._request_id(metadata)
        self._log.error("rpc_failed", method=name, request_id=request_id, exc_info=error)
        message = "Conduit failed in a way it did not foresee"
        return ConduitError(message, request_id=request_id)


async def _abort(call: ObservedCall, failed_by: ConduitError, context: Context) -> None:
    call.failed_by = failed_by
    await context.abort_with_status(status_of(failed_by))


def _reader(handler: Any) -> Callable[[AsyncIterator[bytes], HeldMessages], Awaitable[Any]]:  # noqa: ANN401 # of any message
    """Return what reads a message, or a stream of them; it raises InvalidRequest if it cannot."""
    parse = handler.request_deserializer or bytes

    def one(data: bytes) -> object:
        try:
            return parse(data)
        except DecodeError as error:
            raise InvalidRequest("The request is no message of its type") from error

    async def single(stream: AsyncIterator[bytes], held: HeldMessages) -> object:
        data = await held.next(stream)
        if data is None:
            raise InvalidRequest("The call has no message")
        return one(data)

    async def each(stream: AsyncIterator[bytes], held: HeldMessages) -> AsyncIterator[object]:
        while (data := await held.next(stream)) is not None:
            yield one(data)

    async def several(stream: AsyncIterator[bytes], held: HeldMessages) -> AsyncIterator[object]:
        return each(stream, held)

    return several if handler.request_streaming else single


# By whether answers are a stream.
_MAKERS: dict[bool, Callable[..., Handler]] = {
    False: grpc.stream_unary_rpc_method_handler,
    True: grpc.stream_stream_rpc_method_handler,
}


def address_of(peer: str) -> str:
    """Return the address in what gRPC says of a peer: `ipv4:10.0.0.1:4321`, `ipv6:%5B::1%5D:4321`.

    Empty for Unix sockets.
    """
    family, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if family in {"ipv4", "ipv6"} else ""


def certificate_of(context: Context) -> str:
    """Return the name of the client certificate that a call's connection has shown; empty if none.

    In the order in which `CallerSecurity` takes names. gRPC has verified it.
    """
    shown: Mapping[str, Iterable[bytes]] = context.auth_context()
    if not shown:
        return ""
    names = (name for kind in _CERTIFICATE_NAMES for name in shown.get(kind, ()))
    return next((name.decode(errors="replace") for name in names if name), "")


def metadata_of(context: Context) -> dict[str, str]:
    """Return a call's metadata that is text; of repeated names the last.

    With the client certificate that its connection has shown, whatever the caller says of that.
    """
    found = _text_of(context.invocation_metadata())
    found.pop(CERTIFICATE_HEADER, None)
    if shown := certificate_of(context):
        found[CERTIFICATE_HEADER] = shown
    return found


def _text_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """Return those metadata that are text; of repeated names the last."""
    return {name: value for name, value in metadata or () if isinstance(value, str)}
