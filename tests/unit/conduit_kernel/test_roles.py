"""What each role includes."""

import pytest

from conduit.v1.role_pb2 import (
    ROLE_AUDITOR,
    ROLE_BILLER,
    ROLE_OPERATOR,
    ROLE_OWNER,
    ROLE_UNSPECIFIED,
    ROLE_VIEWER,
    Role,
)
from conduit_kernel.roles import may_act_as, name_of

ROLES = [ROLE_OWNER, ROLE_OPERATOR, ROLE_AUDITOR, ROLE_BILLER, ROLE_VIEWER]


def test_the_contract_has_these_roles_and_no_others() -> None:
    """So that one that is added is thought of here."""
    assert {ROLE_UNSPECIFIED, *ROLES} == set(Role.values())


@pytest.mark.parametrize("role", ROLES)
def test_an_owner_may_do_everything_and_all_may_read(role: Role.ValueType) -> None:
    """Each role includes itself."""
    assert may_act_as(ROLE_OWNER, role)
    assert may_act_as(role, role)
    assert may_act_as(role, ROLE_VIEWER)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("required", ROLES)
def test_no_role_includes_another_ones_work(role: Role.ValueType, required: Role.ValueType) -> None:
    """Operators set no prices, billers change no providers, and neither reads the audit log."""
    is_expected = role == ROLE_OWNER or required in {role, ROLE_VIEWER}
    assert may_act_as(role, required) is is_expected


@pytest.mark.parametrize("role", [*ROLES, ROLE_UNSPECIFIED])
def test_what_names_no_role_is_for_nobody(role: Role.ValueType) -> None:
    """And no role at all is good for nothing."""
    assert not may_act_as(role, ROLE_UNSPECIFIED)
    assert not may_act_as(ROLE_UNSPECIFIED, role)


def test_a_role_is_spelled_as_in_json() -> None:
    """As those who are refused read it."""
    assert [name_of(role) for role in ROLES] == [
        *("Owner", "Operator", "Auditor", "Biller", "Viewer")
    ]
