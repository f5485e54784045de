"""Failures that streams tell in events, or by their end."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.event_failures import failure_in, failure_without_choices


@pytest.mark.parametrize(
    "data",
    [
        b'{"error":{"message":"overloaded","type":"server_error"}}',
        b'{"error":"overloaded"}',
        b'{"message":"overloaded"}',
        b'"overloaded"',
        b"overloaded",
    ],
)
def test_a_failure_has_the_providers_words(data: bytes) -> None:
    """In whichever form they come."""
    error = failure_in(data, "p")
    assert isinstance(error, UpstreamError)
    assert "overloaded" in error.message
    assert error.metadata["provider"] == "p"


def test_an_event_without_choices_is_a_failure_or_nonsense() -> None:
    """By whether it has a message."""
    told = failure_without_choices(b'{"message":"overloaded"}', "p")
    assert "overloaded" in told.message
    nonsense = failure_without_choices(b'{"message":7}', "p")
    assert nonsense.metadata["kind"] == "malformed"
