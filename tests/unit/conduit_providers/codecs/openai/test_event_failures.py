"""Failures that streams tell in events, or by their end."""

import pytest

from conduit_kernel.errors import ConduitError, StreamInterrupted, UpstreamError
from conduit_providers.codecs.openai.event_failures import (
    failure_in,
    failure_without_choices,
    interruption,
)


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


def test_an_early_end_is_an_interruption_unless_an_event_was_left_out() -> None:
    """Then that is why; each time as an error of its own, as whoever raises it refers to it."""
    assert isinstance(interruption("p", None), StreamInterrupted)
    left_out = failure_without_choices(b"{}", "p")
    found: ConduitError = interruption("p", left_out)
    assert found is not left_out
    assert found.message == left_out.message
