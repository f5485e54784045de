"""What is left of the times of an exchange that has begun."""

from msgspec.structs import replace

from conduit_kernel.http import Timeouts

# What is left of a time that is up: enough to find that out.
MIN_SECONDS = 0.001


def left_of(timeouts: Timeouts, spent: float) -> Timeouts:
    """Return what is left of the times of a head and of everything."""
    header, total = timeouts.header - spent, timeouts.total - spent
    return replace(timeouts, header=max(MIN_SECONDS, header), total=max(MIN_SECONDS, total))
