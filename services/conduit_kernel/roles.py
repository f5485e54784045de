"""What each role includes."""

from conduit.v1.role_pb2 import (
    ROLE_AUDITOR,
    ROLE_BILLER,
    ROLE_OPERATOR,
    ROLE_OWNER,
    ROLE_VIEWER,
    Role,
)

_INCLUDED: dict[Role.ValueType, frozenset[Role.ValueType]] = {
    ROLE_OWNER: frozenset({ROLE_OWNER, ROLE_OPERATOR, ROLE_AUDITOR, ROLE_BILLER, ROLE_VIEWER}),
    ROLE_OPERATOR: frozenset({ROLE_OPERATOR, ROLE_VIEWER}),
    ROLE_AUDITOR: frozenset({ROLE_AUDITOR, ROLE_VIEWER}),
    ROLE_BILLER: frozenset({ROLE_BILLER, ROLE_VIEWER}),
    ROLE_VIEWER: frozenset({ROLE_VIEWER}),
}
_NOTHING: frozenset[Role.ValueType] = frozenset()


def may_act_as(role: Role.ValueType, required: Role.ValueType) -> bool:
    """Return whether a role is, or includes, the one that is required."""
    return required in _INCLUDED.get(role, _NOTHING)


def name_of(role: Role.ValueType) -> str:
    """Return a role as JSON spells it, such as `Operator`."""
    return Role.Name(role).removeprefix("ROLE_").capitalize()
