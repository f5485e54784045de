"""The settings of logins."""

import pytest

from conduit.v1.role_pb2 import ROLE_BILLER, ROLE_OWNER
from conduit_kernel.oidc_settings import is_safe, read_oidc

ENV = {
    "CONDUIT_OIDC_ISSUER": "https://login.example/realms/x",
    "CONDUIT_OIDC_CLIENT_ID": "conduit",
    "CONDUIT_OIDC_CLIENT_SECRET": "canary-secret",
    "CONDUIT_PUBLIC_URL": "https://conduit.example/",
}


def test_settings_are_read_whole() -> None:
    """Groups may have signs of their own; the secret is in no repr."""
    found = read_oidc(ENV | {"CONDUIT_OIDC_ROLES": "admins=Owner, cn:x=y=Biller"})
    assert found is not None
    assert found.roles == {"admins": ROLE_OWNER, "cn:x=y": ROLE_BILLER}
    assert (found.public_url, found.is_secure) == ("https://conduit.example", True)
    assert (found.groups_claim, found.session_hours) == ("groups", 8)
    assert "canary" not in repr(found)


def test_without_an_issuer_nobody_logs_in() -> None:
    """Whatever else is set."""
    assert read_oidc({}) is None
    assert read_oidc({"CONDUIT_PUBLIC_URL": "nonsense"}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONDUIT_OIDC_ISSUER", "http://login.example"),
        ("CONDUIT_OIDC_ISSUER", "login.example"),
        ("CONDUIT_OIDC_ISSUER", "https://user@login.example"),
        ("CONDUIT_OIDC_ISSUER", "https://["),
        ("CONDUIT_OIDC_CLIENT_ID", ""),
        ("CONDUIT_PUBLIC_URL", ""),
        ("CONDUIT_PUBLIC_URL", "http://conduit.example"),
        ("CONDUIT_PUBLIC_URL", "https://conduit.example/?x"),
        ("CONDUIT_OIDC_ROLES", ""),
        ("CONDUIT_OIDC_ROLES", "admins"),
        ("CONDUIT_OIDC_ROLES", "admins=Root"),
        ("CONDUIT_OIDC_ROLES", "admins=Unspecified"),
        ("CONDUIT_OIDC_ROLES", "=Owner"),
        ("CONDUIT_OIDC_SESSION_HOURS", "0"),
        ("CONDUIT_OIDC_SESSION_HOURS", "25"),
        ("CONDUIT_OIDC_SESSION_HOURS", "x"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(name: str, value: str) -> None:
    """At the start, and not at the first login."""
    env = ENV | {"CONDUIT_OIDC_ROLES": "admins=Owner"}
    with pytest.raises(ValueError, match=name) as refused:
        read_oidc(env | {name: value})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://login.example", True),
        ("http://localhost:9", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:9/x", True),
        ("http://10.0.0.1", False),
        ("http://login.example", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_nothing_is_sent_in_clear(url: str, *, expected: bool) -> None:
    """But on this machine."""
    assert is_safe(url) == expected
