"""Errors have the header fields of a report."""

from conduit_bridge.failure_fields import failure_fields
from conduit_kernel.errors import UpstreamError
from conduit_kernel.not_found_errors import ProviderNotFound


def test_an_error_of_a_call_has_what_its_report_would_have() -> None:
    """By the names of the contract, and as a header can carry it."""
    error = UpstreamError(
        "broken", attempts="2", provider_id="7", provider_name="Zürich", key_id="key_1"
    )
    assert failure_fields(error, "req_1") == [
        (b"x-conduit-request-id", b"req_1"),
        (b"x-conduit-provider-id", b"7"),
        (b"x-conduit-provider", b"Z%C3%BCrich"),
        (b"x-conduit-key-id", b"key_1"),
        (b"x-conduit-attempts", b"2"),
    ]


def test_an_error_that_names_a_provider_is_no_report_of_a_call() -> None:
    """It has the request's id alone, that of the service which refused if that is another one."""
    error = ProviderNotFound("none", provider_id="999")
    assert failure_fields(error, "req_1") == [(b"x-conduit-request-id", b"req_1")]
    error.metadata["request_id"] = "req_2"
    assert failure_fields(error, "req_1") == [(b"x-conduit-request-id", b"req_2")]
