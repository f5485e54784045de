"""What makes right limits of use."""

import pytest

from conduit.v1.usage_limits_pb2 import UsageLimits as UsageLimitsMessage
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.usage_limits import usage_limits
from conduit_registry.values import NO_USAGE_LIMITS, UsageLimits


def test_what_is_not_given_is_not_limited() -> None:
    """Each limit stands for itself."""
    assert usage_limits(UsageLimitsMessage(), "limits") == NO_USAGE_LIMITS
    given = UsageLimitsMessage(tokens_per_minute=5)
    assert usage_limits(given, "limits") == UsageLimits(tokens_per_minute=5)


@pytest.mark.parametrize("name", UsageLimits._fields)
@pytest.mark.parametrize("value", [0, -1, 2**62])
def test_a_limit_that_cannot_be_is_refused(name: str, value: int) -> None:
    """Nothing at all is no limit: for that a key is disabled."""
    with pytest.raises(InvalidRequest, match=r"limits\.[a-zA-Z]+ must be"):
        usage_limits(UsageLimitsMessage(**{name: value}), "limits")
