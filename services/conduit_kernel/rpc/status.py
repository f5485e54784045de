"""Errors of ours as gRPC statuses, and back.

Every status carries a `google.rpc.ErrorInfo`, and where they apply `RetryInfo`, `BadRequest` and
`QuotaFailure`: https://google.aip.dev/193.
"""

from collections.abc import Iterator
from typing import cast

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from conduit_kernel import (  # noqa: F401 # found
    auth_errors,
    guardrail_errors,
    idempotency_errors,
    not_found_errors,
)
from conduit_kernel.errors import ConduitError, ServiceUnavailable

DOMAIN = "conduit.v1"
_ABSENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        # Of the server, which stops; what we cancel ourselves raises CancelledError.
        grpc.StatusCode.CANCELLED,
    }
)


def status_of(error: ConduitError) -> grpc.Status:
    """Return the status that tells a gRPC client of an error."""
    status = Status(code=error.failure.code, message=error.message)
    for detail in _details(error):
        status.details.add().Pack(detail)
    return rpc_status.to_status(status)


def _details(error: ConduitError) -> Iterator[Message]:
    """Yield what machines may know of an error: why, and what clients' libraries look for."""
    metadata = error.metadata
    yield ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    wait = metadata.get("retry_after_ms", "")
    if wait.isdecimal() and wait.isascii():
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(int(wait))
        yield retry
    if field := metadata.get("field"):
        violation = BadRequest.FieldViolation(
            field=field, description=error.message, reason=error.reason
        )
        yield BadRequest(field_violations=[violation])
    if subject := metadata.get("subject"):
        exceeded = QuotaFailure.Violation(subject=subject, description=error.message)
        yield QuotaFailure(violations=[exceeded])


def error_of(error: grpc.RpcError, service: str) -> ConduitError:
    """Return the error that a failed call tells of, whichever side it comes from."""
    # Every error that a stub raises is the finished call itself, though its type does not say so.
    call = cast("grpc.Call", error)
    status: Status | None = rpc_status.from_call(call)
    for detail in status.details if status else ():
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return error_from(info.reason, status.message if status else "", dict(info.metadata))
    # Not ours: the connection failed, its server stopped, or something between us answered.
    if call.code() in _ABSENT:
        return ServiceUnavailable(f"The {service} service cannot be reached", service=service)
    return ConduitError(f"The {service} service failed", service=service, code=call.code().name)


def error_from(reason: str, message: str, metadata: dict[str, str]) -> ConduitError:
    """Return the error that a reason names, as when it came over the wire."""
    error = _classes(ConduitError).get(reason, ConduitError)(message)
    # Set apart, because metadata of another version may have names that Python would not take.
    error.metadata = metadata
    return error


def _classes(root: type[ConduitError]) -> dict[str, type[ConduitError]]:
    # NotFound only stands for its children.
    found = {root.reason: root} if "reason" in vars(root) else {}
    for child in root.__subclasses__():
        found |= _classes(child)
    return found
