"""How calls of gRPC end that do not end well, as our errors."""

from typing import Any

import grpc
from websockets.frames import CloseCode

from conduit_kernel.errors import UpstreamError, UpstreamTimeout
from conduit_kernel.websocket import WebSocketClosed
from conduit_providers.grpc_failures import DETAILS, GrpcStatus, error_of_status
from conduit_providers.spec import ProviderSpec
from conduit_router.routing.table import UpstreamTarget


class CallFailed(WebSocketClosed):
    """A call that is used as a socket has failed; the provider said why."""

    def __init__(self, failure: UpstreamError) -> None:
        super().__init__(CloseCode.ABNORMAL_CLOSURE, failure.message)
        self.failure = failure


def failure_of(
    error: grpc.aio.AioRpcError, spec: ProviderSpec, upstream: UpstreamTarget
) -> UpstreamError:
    """Return what the status of a call means."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        # Ours or the provider's: no answer came in time.
        return late(upstream)
    metadata = dict(fields_of(error.trailing_metadata()))
    details = metadata.pop(DETAILS.encode(), b"")
    text = {name.decode(): value.decode("latin-1") for name, value in metadata.items()}
    status = GrpcStatus(error.code().name, error.details() or "", text, details)
    return error_of_status(status, spec, upstream.target)


def late(upstream: UpstreamTarget) -> UpstreamTimeout:
    """Return the error of a call that was not answered in time."""
    name = upstream.provider_name
    return UpstreamTimeout(f"{name} did not answer in time", provider=name)


def fields_of(metadata: Any) -> list[tuple[bytes, bytes]]:  # noqa: ANN401 # grpc's types are not exact
    """Return metadata as header fields."""
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in metadata or ()
    ]
