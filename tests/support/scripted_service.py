"""A gRPC service on a real port, whose RPCs a test writes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass


@asynccontextmanager
async def serve_rpcs(
    service: ServiceDescriptor, **rpcs: Callable[..., Any]
) -> AsyncIterator[grpc.aio.Channel]:
    """Run some RPCs of a service for as long as this lasts; return a channel to it."""
    server = grpc.aio.server()
    handlers = {name: _handler(service.methods_by_name[name], rpc) for name, rpc in rpcs.items()}
    generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
    server.add_generic_rpc_handlers((generic,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


def _handler(method: MethodDescriptor, rpc: Callable[..., Any]) -> Any:  # noqa: ANN401 # gRPC's own
    make = (
        grpc.unary_stream_rpc_method_handler
        if method.server_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(
        rpc,
        GetMessageClass(method.input_type).FromString,
        GetMessageClass(method.output_type).SerializeToString,
    )
