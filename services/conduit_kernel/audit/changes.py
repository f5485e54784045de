"""Says what changed between two states of a thing."""

from collections.abc import Mapping

# What every change changes, or what is no change.
UNTOLD = frozenset(
    {"id", "createdAt", "updatedAt", "lastUsed", "isRotationDue", "rotationDueAt", "etag"}
)


def differences(
    before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, dict[str, object]]:
    """Return what changed between two things as `{"field": {"from": ..., "to": ...}}`."""
    return {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in dict.fromkeys((*before, *after))
        if name not in UNTOLD and before.get(name) != after.get(name)
    }
