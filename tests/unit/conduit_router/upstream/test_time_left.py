"""What is left of the times of an exchange."""

from conduit_kernel.http import Timeouts
from conduit_router.upstream.time_left import MIN_SECONDS, left_of


def test_time_that_was_spent_is_gone() -> None:
    """Of the head and of everything; never all, so that a wait finds out by itself."""
    left = left_of(Timeouts(1.0, 5.0, 2.0, 3.0), 3.0)
    assert (left.connect, left.header, left.idle, left.total) == (1.0, 2.0, 2.0, MIN_SECONDS)
