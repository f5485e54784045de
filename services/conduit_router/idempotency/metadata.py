"""The idempotency key of a call over gRPC, where it may be in the metadata."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.rpc.auth_interceptor import Context, metadata_of

HEADER = "idempotency-key"
_START = "start"


def has_options(method: MethodDescriptor) -> bool:
    """Return whether the requests of an RPC have options of a call."""
    return _has_options(method.input_type)


def with_key(method: MethodDescriptor) -> Callable[[Any, Context], Any]:
    """Return what puts the key of a call's metadata into its request, or its first one."""
    start = method.input_type.fields_by_name.get(_START)
    if method.client_streaming and start is not None and _has_options(start.message_type):
        return _with_key_in_start
    return _with_key if has_options(method) and not method.client_streaming else _as_it_is


def _has_options(message: Descriptor | None) -> bool:
    field = None if message is None else message.fields_by_name.get("options")
    return field is not None and field.message_type is CallOptions.DESCRIPTOR


def _as_it_is(request: Any, _: Context) -> Any:  # noqa: ANN401 # of each RPC its own
    return request


def _with_key(request: Any, context: Context) -> Any:  # noqa: ANN401 # as above
    key = metadata_of(context).get(HEADER, "")
    if key and not request.options.idempotency_key:
        request.options.idempotency_key = key
    return request


def _with_key_in_start(requests: Any, context: Context) -> Any:  # noqa: ANN401 # as above
    return _keyed(requests, context) if HEADER in metadata_of(context) else requests


async def _keyed(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
    async for request in requests:
        if request.HasField(_START):
            _with_key(request.start, context)
        yield request
