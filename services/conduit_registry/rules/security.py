"""What makes right rules of who may use a provider, a virtual key or an administrator's token."""

import ipaddress
from typing import Any, TypeVar

from conduit.v1.administrator_pb2 import AdministratorSpec
from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit.v1.provider_pb2 import (
    AUDIT_LEVEL_BASIC,
    AUDIT_LEVEL_UNSPECIFIED,
    AuditLevel,
    ProviderSecurity,
)
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroupSpec
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_registry.patches import (
    AdministratorPatch,
    ProviderPatch,
    VirtualKeyGroupPatch,
    VirtualKeyPatch,
)
from conduit_registry.rules import fields
from conduit_registry.values import Resource, defaults_of

PatchT = TypeVar("PatchT", VirtualKeyPatch, VirtualKeyGroupPatch, AdministratorPatch)


def provider_security(security: ProviderSecurity) -> ProviderPatch:
    """Read the rules of an instance; what they leave out is as it is without any."""
    known = [level for level in AuditLevel.values() if level != AUDIT_LEVEL_UNSPECIFIED]
    level = security.audit_level or AUDIT_LEVEL_BASIC
    if level not in known:
        names = ", ".join(AuditLevel.Name(each).removeprefix("AUDIT_LEVEL_") for each in known)
        message = f"security.auditLevel must be one of {names}"
        raise InvalidRequest(message, field="security.auditLevel")
    return {
        "allowed_ips": _networks(security),
        "require_mtls": security.require_mtls,
        "key_rotation_days": limits.number_of(security, "key_rotation_days", "security"),
        "audit_level": level,
    }


def add_caller_security(
    given: PatchT, spec: VirtualKeySpec | VirtualKeyGroupSpec | AdministratorSpec
) -> None:
    """Read a credential's rules, if a spec has any; what they leave out is as without them."""
    if spec.HasField("security"):
        rules = spec.security
        given["allowed_ips"] = _networks(rules)
        given["require_mtls"] = rules.require_mtls
        given["client_certificates"] = limits.names_of(rules, "client_certificates", "security")


def with_security(kind: type[Resource], rules: type[Any]) -> dict[str, dict[str, Any]]:
    """Return what each field of a kind goes to when it is taken back, its rules as one of them."""
    known = defaults_of(kind)
    return known | {"security": {name: known[name][name] for name in rules.__annotations__}}


def _networks(security: ProviderSecurity | CallerSecurity) -> tuple[str, ...]:
    field = "security.allowedIPs"
    networks = limits.names_of(security, "allowed_ips", "security")
    for text in networks:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            shown = text[: fields.MAX_QUOTED]
            message = f"{field} must be networks such as 192.168.1.0/24, not {shown!r}"
            raise InvalidRequest(message, field=field) from error
    return networks
