"""Members that are a provider's own, as callers give them."""

from typing import Any

from conduit_kernel.errors import InvalidRequest

Json = dict[str, Any]


def object_in(members: Json, name: str) -> Json:
    """Return a member that is an object, an empty one if there is none.

    InvalidRequest if it is something else.
    """
    value = members.get(name)
    if value is None:
        value = members[name] = {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name} must be an object", field=name)
    return value
