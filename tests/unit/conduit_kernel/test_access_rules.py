"""From where a credential may be used, and with which client certificate."""

import pytest

from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit_kernel.access_rules import AccessRules, access_rules
from conduit_kernel.auth_errors import CallerNotAllowed

NAME = "spiffe://example.org/billing"


def rules(**said: object) -> AccessRules:
    """Return what such rules come to."""
    found = access_rules(CallerSecurity(**said))  # type: ignore[arg-type] # any fields
    assert found is not None
    return found


def test_rules_that_say_nothing_are_none() -> None:
    """So that nothing is looked at for them."""
    assert access_rules(CallerSecurity()) is None


def test_rules_of_each_level_are_kept() -> None:
    """Whatever another level allows; those that say nothing are left out."""
    wide = CallerSecurity(allowed_ips=["10.0.0.0/8"])
    narrow = CallerSecurity(allowed_ips=["10.1.0.0/16"])
    nothing = CallerSecurity()
    assert access_rules(nothing, nothing) is None
    assert access_rules(nothing, wide) == access_rules(wide) == access_rules(wide, nothing)
    for levels in ((wide, narrow), (narrow, wide), (nothing, narrow, wide)):
        both = access_rules(*levels)
        assert both is not None
        both.check("10.1.2.3", "")
        with pytest.raises(CallerNotAllowed):
            both.check("10.2.2.3", "")


@pytest.mark.parametrize(
    ("said", "address", "certificate"),
    [
        ({"allowed_ips": ["10.0.0.0/8"]}, "10.1.2.3", ""),
        ({"allowed_ips": ["192.0.2.1/32", "::ffff:10.0.0.0/104"]}, "10.1.2.3", ""),
        ({"allowed_ips": ["10.0.0.0/8"]}, "::ffff:10.1.2.3", ""),
        ({"allowed_ips": ["2001:db8::/32"]}, "2001:db8::7", ""),
        ({"require_mtls": True}, "", NAME),
        ({"client_certificates": ["other", NAME]}, "203.0.113.9", NAME),
        ({"client_certificates": [NAME], "allowed_ips": ["10.0.0.0/8"]}, "10.1.2.3", NAME),
    ],
)
def test_who_keeps_them_passes(said: dict[str, object], address: str, certificate: str) -> None:
    """All of them."""
    rules(**said).check(address, certificate)


@pytest.mark.parametrize(
    ("said", "address", "certificate", "words"),
    [
        ({"allowed_ips": ["10.0.0.0/8"]}, "11.1.2.3", NAME, "from 11.1.2.3"),
        ({"allowed_ips": ["0.0.0.0/0"]}, "", "", "unknown"),
        ({"allowed_ips": ["0.0.0.0/0"]}, "2001:db8::7", "", "from 2001:db8::7"),
        ({"require_mtls": True}, "10.1.2.3", "", "none was shown"),
        ({"client_certificates": [NAME]}, "10.1.2.3", "", "none was shown"),
        ({"client_certificates": [NAME]}, "10.1.2.3", f"{NAME}/x", "this client certificate"),
        ({"client_certificates": [NAME]}, "10.1.2.3", NAME.upper(), "this client certificate"),
        (
            {"client_certificates": [NAME], "allowed_ips": ["10.0.0.0/8"]},
            "11.1.2.3",
            NAME,
            "from 11.1.2.3",
        ),
    ],
)
def test_who_does_not_is_refused(
    said: dict[str, object], address: str, certificate: str, words: str
) -> None:
    """And told why, as whoever has the credential may know its rules."""
    with pytest.raises(CallerNotAllowed, match=words):
        rules(**said).check(address, certificate)
