"""The statuses of gRPC calls as errors."""

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from conduit_kernel.errors import (
    ContextTooLong,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefused,
)
from conduit_providers.catalog import load_catalog
from conduit_providers.grpc_failures import GrpcStatus, error_of_status
from conduit_providers.target import Target

SPEC = load_catalog().find("Gemini")
TARGET = Target("P", "Gemini", "https://a.example")


def error_of(status: GrpcStatus) -> UpstreamError:
    """Return the error that a status means."""
    return error_of_status(status, SPEC, TARGET)


def packed(*details: Message) -> bytes:
    """Return a whole status with details."""
    status = Status(code=8, message="m")
    for detail in details:
        status.details.add().Pack(detail)
    data: bytes = status.SerializeToString()
    return data


@pytest.mark.parametrize("code", [name for name, number in Code.items() if number])
def test_every_code_is_an_error_of_the_provider(code: str) -> None:
    """With its own name for it, and the status that it would have over HTTP."""
    error = error_of(GrpcStatus(code, "why"))
    assert error.metadata["provider"] == "P"
    assert 400 <= int(error.metadata["status"]) < 600
    assert error.metadata["upstream_code"] == code


def test_details_are_read_as_over_http() -> None:
    """A pause, and the provider's own id of the request."""
    details = packed(
        RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
        RequestInfo(request_id="up-1"),
    )
    error = error_of(GrpcStatus("RESOURCE_EXHAUSTED", "quota", {}, details))
    assert type(error) is UpstreamRateLimited
    assert error.metadata["retry_after_ms"] == "1500"
    assert error.metadata["upstream_request_id"] == "up-1"


def test_words_tell_refusals_apart() -> None:
    """As they do over HTTP."""
    words = "The input exceeds the model's maximum context length"
    assert type(error_of(GrpcStatus("INVALID_ARGUMENT", words))) is ContextTooLong
    assert type(error_of(GrpcStatus("INVALID_ARGUMENT", "no such field"))) is UpstreamRefused


@pytest.mark.parametrize(
    "details", [b"\xff", packed()[:-1], Any(value=b"\xff").SerializeToString()]
)
def test_malformed_details_are_no_failure_of_ours(details: bytes) -> None:
    """The status alone says enough."""
    assert type(error_of(GrpcStatus("RESOURCE_EXHAUSTED", "m", {}, details))) is UpstreamRateLimited
    status = Status()
    status.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")
    broken = GrpcStatus("RESOURCE_EXHAUSTED", "m", {}, status.SerializeToString())
    assert type(error_of(broken)) is UpstreamRateLimited
