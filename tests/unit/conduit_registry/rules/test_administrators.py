"""What makes a right administrator."""

import pytest

from conduit.v1.administrator_pb2 import AdministratorSpec
from conduit.v1.role_pb2 import ROLE_BILLER, ROLE_UNSPECIFIED
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.administrators import administrator_fields


def test_what_a_spec_leaves_out_stays_out() -> None:
    """So that a change touches nothing else."""
    assert administrator_fields(AdministratorSpec()) == {}
    spec = AdministratorSpec(name="anna", role=ROLE_BILLER, is_enabled=False)
    assert administrator_fields(spec) == {"name": "anna", "role": ROLE_BILLER, "is_enabled": False}


@pytest.mark.parametrize("role", [ROLE_UNSPECIFIED, 99, -1])
def test_a_role_that_there_is_not_is_refused(role: int) -> None:
    """Nobody is given what means nothing, or will mean something one day."""
    spec = AdministratorSpec()
    spec.role = role  # type: ignore[assignment] # as a caller may
    with pytest.raises(InvalidRequest, match="Owner, Operator, Auditor, Biller, Viewer") as refused:
        administrator_fields(spec)
    assert refused.value.metadata == {"field": "role"}


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201])
def test_a_name_is_one_line(name: str) -> None:
    """The audit log has it."""
    with pytest.raises(InvalidRequest):
        administrator_fields(AdministratorSpec(name=name))
