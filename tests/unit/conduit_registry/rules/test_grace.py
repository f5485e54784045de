"""How long a replaced value counts."""

import pytest

from conduit.v1.virtual_key_requests_pb2 import RotateVirtualKeyRequest
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.grace import DAY_SECONDS, grace_of


def test_zero_is_said_and_not_the_default() -> None:
    """Whoever asks for no grace time gets none."""
    assert grace_of(RotateVirtualKeyRequest(), DAY_SECONDS) == 86_400_000_000
    assert grace_of(RotateVirtualKeyRequest(grace_seconds=0), DAY_SECONDS) == 0
    assert grace_of(RotateVirtualKeyRequest(grace_seconds=5), DAY_SECONDS) == 5_000_000


@pytest.mark.parametrize("seconds", [-1, 30 * DAY_SECONDS + 1])
def test_no_grace_time_is_longer_than_thirty_days(seconds: int) -> None:
    """Nor less than none."""
    with pytest.raises(InvalidRequest, match="graceSeconds"):
        grace_of(RotateVirtualKeyRequest(grace_seconds=seconds), DAY_SECONDS)
