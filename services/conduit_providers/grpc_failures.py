"""What the status of a gRPC call means, read as the error that it would be over HTTP.

Google's APIs answer the same failure in both ways, and the mapping is theirs:
https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from conduit_kernel.errors import UpstreamError
from conduit_providers.failures import error_from
from conduit_providers.spec import ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

# Trailing metadata with the whole status.
DETAILS = "grpc-status-details-bin"
_TYPE_URL = "type.googleapis.com/"
_UNKNOWN_STATUS = 500
_HTTP_STATUSES: Mapping[str, int] = {
    "CANCELLED": 499,
    "UNKNOWN": _UNKNOWN_STATUS,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": _UNKNOWN_STATUS,
    "UNAVAILABLE": 503,
    "DATA_LOSS": _UNKNOWN_STATUS,
}
_DETAILS: tuple[type[Message], ...] = (ErrorInfo, QuotaFailure, RetryInfo, RequestInfo, BadRequest)


class GrpcStatus(NamedTuple):
    """The status of a gRPC call that failed."""

    # Such as `RESOURCE_EXHAUSTED`.
    code: str
    message: str = ""
    # Names in lower case.
    metadata: Mapping[str, str] = {}
    # A `google.rpc.Status`, serialized; empty if there is none.
    details: bytes = b""


def error_of_status(status: GrpcStatus, spec: ProviderSpec, target: Target) -> UpstreamError:
    """Return the error that a status means, by class."""
    body: dict[str, Any] = {
        "status": status.code,
        "message": status.message,
        "details": _details(status.details),
    }
    http_status = _HTTP_STATUSES.get(status.code, _UNKNOWN_STATUS)
    response = HttpResponse(http_status, status.metadata, orjson.dumps({"error": body}))
    return error_from(response, spec, target)


def _details(data: bytes) -> list[dict[str, Any]]:
    """Return the details of a status as Google's JSON has them."""
    try:
        status = Status.FromString(data)
    except DecodeError:
        return []
    return [
        _detail(packed, kind())
        for packed in status.details
        for kind in _DETAILS
        if packed.TypeName() == kind.DESCRIPTOR.full_name
    ]


def _detail(packed: Any, detail: Message) -> dict[str, Any]:  # noqa: ANN401 # google.protobuf.Any
    try:
        packed.Unpack(detail)
    except DecodeError:
        return {}
    return {"@type": _TYPE_URL + detail.DESCRIPTOR.full_name, **MessageToDict(detail)}
