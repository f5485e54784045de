"""What makes a right administrator."""

from conduit.v1.administrator_pb2 import AdministratorSpec
from conduit.v1.role_pb2 import ROLE_UNSPECIFIED, Role
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.roles import name_of
from conduit_registry.patches import AdministratorPatch
from conduit_registry.rules import fields
from conduit_registry.rules.security import add_caller_security


def administrator_fields(spec: AdministratorSpec) -> AdministratorPatch:
    """Read what a spec says of an administrator."""
    given: AdministratorPatch = {}
    if spec.HasField("name"):
        given["name"] = limits.text_of(spec, "name")
    if spec.HasField("role"):
        given["role"] = _role(spec.role)
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.HasField("expires_at"):
        given["expires_at"] = fields.moment(spec.expires_at, "expiresAt")
    add_caller_security(given, spec)
    return given


def _role(given: Role.ValueType) -> Role.ValueType:
    known = [role for role in Role.values() if role != ROLE_UNSPECIFIED]
    if given not in known:
        names = ", ".join(map(name_of, known))
        raise InvalidRequest(f"role must be one of {names}", field="role")
    return given
