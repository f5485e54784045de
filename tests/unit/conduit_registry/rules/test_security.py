"""What makes right rules of who may use a provider or a credential."""

from typing import Any

import pytest

from conduit.v1.administrator_pb2 import AdministratorSpec
from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit.v1.provider_pb2 import (
    AUDIT_LEVEL_BASIC,
    AUDIT_LEVEL_NONE,
    AuditLevel,
    ProviderSecurity,
)
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel.errors import InvalidRequest
from conduit_registry.patches import CallerSecurityPatch, VirtualKeyPatch
from conduit_registry.rules.security import add_caller_security, provider_security, with_security
from conduit_registry.values import VirtualKey


def read(**said: Any) -> VirtualKeyPatch:  # noqa: ANN401 # fields of the rules
    """Return what a virtual key's rules come to."""
    given: VirtualKeyPatch = {}
    add_caller_security(given, VirtualKeySpec(security=CallerSecurity(**said)))
    return given


def test_rules_replace_all_rules() -> None:
    """What they leave out is as it is without any."""
    assert read(allowed_ips=["10.0.0.0/8", "2001:db8::1"]) == {
        "allowed_ips": ("10.0.0.0/8", "2001:db8::1"),
        "require_mtls": False,
        "client_certificates": (),
    }


def test_a_spec_without_rules_changes_none() -> None:
    """Of an administrator as of a virtual key."""
    given: Any = {}
    add_caller_security(given, VirtualKeySpec())
    add_caller_security(given, AdministratorSpec())
    assert given == {}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"allowed_ips": ["example.org"]}, "security.allowedIPs"),
        ({"allowed_ips": ["10.0.0.1/8"]}, "security.allowedIPs"),
        (
            {"allowed_ips": [f"10.0.{at // 256}.{at % 256}/32" for at in range(1001)]},
            "security.allowedIPs",
        ),
        ({"client_certificates": [" "]}, "security.clientCertificates"),
        ({"client_certificates": ["x" * 301]}, "security.clientCertificates"),
        ({"client_certificates": ["a\nb"]}, "security.clientCertificates"),
        ({"client_certificates": [str(at) for at in range(101)]}, "security.clientCertificates"),
    ],
)
def test_rules_that_nobody_could_keep_are_refused(said: dict[str, Any], field: str) -> None:
    """By the name that the caller gave."""
    with pytest.raises(InvalidRequest) as refused:
        read(**said)
    assert refused.value.metadata["field"].startswith(field)


def test_rules_that_are_taken_back_are_none() -> None:
    """All of them, as they are one member."""
    assert with_security(VirtualKey, CallerSecurityPatch)["security"] == read()


def test_an_audit_level_is_one_of_the_contract() -> None:
    """Unset it is the usual one."""
    assert provider_security(ProviderSecurity())["audit_level"] == AUDIT_LEVEL_BASIC
    none = ProviderSecurity(audit_level=AUDIT_LEVEL_NONE)
    assert provider_security(none)["audit_level"] == AUDIT_LEVEL_NONE
    unknown = ProviderSecurity()
    unknown.audit_level = AuditLevel.ValueType(99)
    with pytest.raises(InvalidRequest, match="BASIC, FULL, NONE"):
        provider_security(unknown)
