"""Errors as gRPC clients see them."""

import subprocess
import sys

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status

from conduit.v1.failures import FAILURES
from conduit_kernel.errors import BudgetExceeded, ConduitError, InvalidRequest, UpstreamRateLimited
from conduit_kernel.not_found_errors import KeyNotFound, ModelNotFound, NotFound
from conduit_kernel.rpc import error_from, status_of


def details(error: ConduitError) -> list[Message]:
    """Return what an error's status carries."""
    status: grpc.Status = status_of(error)
    trailing = dict(status.trailing_metadata or ())
    packed = Status.FromString(trailing["grpc-status-details-bin"])
    found: list[Message] = []
    for detail in packed.details:
        for kind in (ErrorInfo, RetryInfo, BadRequest, QuotaFailure):
            message = kind()
            if detail.Unpack(message):
                found.append(message)
    return found


def test_an_error_has_its_reason_and_what_belongs_to_it() -> None:
    """Alone, where it names no field and no time."""
    (info,) = details(ModelNotFound("There is none", model="gpt-9", request_id="req_1"))
    assert info == ErrorInfo(
        reason="MODEL_NOT_FOUND",
        domain="conduit.v1",
        metadata={"model": "gpt-9", "request_id": "req_1"},
    )


def test_a_field_at_fault_is_a_violation() -> None:
    """With the message, as clients show it beside a form's field."""
    info, bad = details(InvalidRequest("weight must be from 0", field="weight"))
    assert isinstance(info, ErrorInfo)
    assert bad == BadRequest(
        field_violations=[
            BadRequest.FieldViolation(
                field="weight", description="weight must be from 0", reason="INVALID_REQUEST"
            )
        ]
    )


def test_a_budget_without_room_is_a_violation_of_whose_it_is() -> None:
    """As clients of Google's APIs know it."""
    _, quota = details(BudgetExceeded("There is no room", subject="virtual_key:4"))
    violation = QuotaFailure.Violation(subject="virtual_key:4", description="There is no room")
    assert quota == QuotaFailure(violations=[violation])


def test_a_time_to_wait_is_one_that_interceptors_know() -> None:
    """As long as `retry_after_ms` says, to the millisecond."""
    _, retry = details(UpstreamRateLimited("Slow down", retry_after_ms="1250"))
    assert isinstance(retry, RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 1250


@pytest.mark.parametrize("wait", ["", "soon", "-5", "1.5", "²"])
def test_a_time_that_is_none_is_left_out(wait: str) -> None:
    """What a provider made of it must not break the error that tells of it."""
    assert len(details(UpstreamRateLimited("Slow down", retry_after_ms=wait))) == 1


@pytest.mark.parametrize("reason", sorted(FAILURES.keys() - {"UNSPECIFIED"}))
def test_errors_come_back_from_the_wire_as_they_were(reason: str) -> None:
    """With their message and metadata."""
    error = error_from(reason, "what happened", {"field": "weight"})
    assert error.reason == reason
    assert (error.message, str(error), error.metadata) == (
        "what happened",
        "what happened",
        {"field": "weight"},
    )


@pytest.mark.parametrize(
    "reason", ["", "NEVER_HEARD_OF", "NOT_FOUND", "UNSPECIFIED", "ConduitError"]
)
def test_a_reason_of_another_version_is_an_internal_error(reason: str) -> None:
    """Nothing is known of it, so nobody may draw conclusions."""
    error = error_from(reason, "what happened", {})
    assert type(error) is ConduitError
    assert error.failure.http_status == 500


def test_metadata_of_another_version_may_have_any_names() -> None:
    """Also those that Python would take for its own."""
    metadata = {"self": "a", "message": "b", "": "c", "a b": "d"}
    assert error_from("KEY_NOT_FOUND", "no", metadata).metadata == metadata


def test_what_is_not_found_is_caught_in_one_word() -> None:
    """The base has no reason of its own, and so nobody is told of it."""
    error = error_from("KEY_NOT_FOUND", "no", {})
    assert isinstance(error, NotFound)
    assert isinstance(error, KeyNotFound)


def test_a_process_that_raises_none_of_them_knows_all_errors() -> None:
    """Also those in modules that nothing else of it needs."""
    program = (
        "from conduit.v1.failures import FAILURES\n"
        "from conduit_kernel.rpc.status import error_from\n"
        "unknown = [r for r in FAILURES if error_from(r, '', {}).reason != r]\n"
        "print(*unknown)"
    )
    done = subprocess.run(  # noqa: S603 # Python itself
        [sys.executable, "-c", program], check=True, capture_output=True
    )
    assert done.stdout == b"UNSPECIFIED\n"
