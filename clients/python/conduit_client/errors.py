"""What a call can fail of.

* CallFailed           Conduit, or the way to it, answered with an error
  * StreamIncomplete   a stream ended before its end
"""

from collections.abc import Mapping

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

_DETAILS = "grpc-status-details-bin"
_DOMAIN = "conduit.v1"


class CallFailed(Exception):
    """A call that failed.

    - `reason`: what happened, for programs: a value of the contract's `ErrorReason` without its
      prefix, such as `MODEL_NOT_FOUND`; empty if the answer did not come from Conduit.
    - `message`: the same for people.
    - `metadata`: the data of the reason, documented with it.
    - `code`: the gRPC status.
    """

    def __init__(
        self, reason: str, message: str, metadata: Mapping[str, str], code: grpc.StatusCode
    ) -> None:
        super().__init__(f"{message} ({reason or code.name})")
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata)
        self.code = code


class StreamIncomplete(CallFailed):
    """A stream ended without saying that it is whole; what came is not the whole answer."""

    def __init__(self) -> None:
        message = "The stream ended before the answer was whole"
        super().__init__("STREAM_INTERRUPTED", message, {}, grpc.StatusCode.ABORTED)


def failure_of(error: grpc.aio.AioRpcError) -> CallFailed:
    """Return what a failed RPC tells."""
    info = _info(error)
    return CallFailed(info.reason, error.details() or "", info.metadata, error.code())


def _info(error: grpc.aio.AioRpcError) -> ErrorInfo:
    info = ErrorInfo()
    for name, value in error.trailing_metadata() or ():
        if name == _DETAILS and isinstance(value, bytes):
            for detail in Status.FromString(value).details:
                if detail.Unpack(info) and info.domain == _DOMAIN:
                    return info
    return ErrorInfo()
