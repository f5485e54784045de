"""The bounds of the server, the client and a call."""

import pytest
from tests.support.descriptors import limited

from conduit_kernel.http import ClientLimits, ServerLimits, Timeouts


@pytest.mark.parametrize(("descriptors", "callers"), [(256, 96), (1_024, 384), (20_000, 9_872)])
def test_limits_follow_the_descriptors(descriptors: int, callers: int) -> None:
    """Callers and providers together leave a reserve for everything else."""
    with limited(descriptors):
        server, made = ServerLimits(), ClientLimits()
    assert server.max_connections == callers
    assert made.max_total == callers // 2
    assert made.max_connections == min(1_000, callers // 2)
    assert server.max_connections + 2 * made.max_total <= descriptors * 0.99


def test_a_call_is_not_bounded_as_a_whole_unless_it_is_said() -> None:
    """Whereas each of its steps is."""
    timeouts = Timeouts()
    assert timeouts.total == float("inf")
    assert max(timeouts.connect, timeouts.header, timeouts.idle) < 100


def test_idle_connections_are_closed_by_whoever_opened_them() -> None:
    """First by the client, so that no request meets a closing connection of our own server."""
    assert ClientLimits().idle_seconds < ServerLimits().idle_seconds
