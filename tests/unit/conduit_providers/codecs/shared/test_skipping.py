"""Which events of a stream are left out."""

import pytest

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.codecs.shared.skipping import MAX_SKIPPED, interruption, may_skip
from conduit_providers.failures import error_in_stream, malformed

ODD = malformed("P", "an event is none")


def test_a_slip_is_left_out_and_no_more() -> None:
    """A provider that goes on so makes no sense."""
    assert may_skip(ODD, b"{", 0)
    assert not may_skip(ODD, b"{", MAX_SKIPPED)


@pytest.mark.parametrize("error", [error_in_stream("overloaded", "P"), UpstreamError("gone")])
def test_a_failure_is_never_left_out(error: UpstreamError) -> None:
    """It says why no more comes."""
    assert not may_skip(error, b"{", 0)


@pytest.mark.parametrize(
    "data", [b'{"tool_calls":[{', b'"functionCall"', b'"partial_json":"', b'{"toolUse"']
)
def test_a_piece_of_a_call_is_never_left_out(data: bytes) -> None:
    """The arguments may be JSON without it, and say something else."""
    assert not may_skip(ODD, data, 0)


def test_an_early_end_is_an_interruption_unless_an_event_was_left_out() -> None:
    """Then that is why; each time as an error of its own, as whoever raises it refers to it."""
    assert isinstance(interruption("P", None), StreamInterrupted)
    found = interruption("P", ODD)
    assert found is not ODD
    assert found.message == ODD.message
