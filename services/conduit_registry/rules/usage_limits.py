"""What makes right limits of use."""

from conduit.v1.usage_limits_pb2 import UsageLimits as UsageLimitsMessage
from conduit_kernel import limits
from conduit_registry.values import UsageLimits


def usage_limits(given: UsageLimitsMessage, field: str) -> UsageLimits:
    """Return limits; those that are not given are none."""
    named = {
        name: limits.number_of(given, name, field)
        for name in UsageLimits._fields
        if given.HasField(name)  # type: ignore[arg-type] # one of its fields
    }
    return UsageLimits(**named)
