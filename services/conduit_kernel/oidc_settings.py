"""The settings of logins by OpenID Connect: who is asked, and which groups have which role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from conduit.v1.role_pb2 import Role
from conduit_kernel.addresses import is_loopback

_ISSUER, _CLIENT, _URL = "CONDUIT_OIDC_ISSUER", "CONDUIT_OIDC_CLIENT_ID", "CONDUIT_PUBLIC_URL"
_ROLES = "CONDUIT_OIDC_ROLES"
SESSION_HOURS = 8
MAX_HOURS = 24


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """A provider of logins, and what its groups may do."""

    issuer: str
    client_id: str
    # Empty for a public client, which PKCE alone guards.
    client_secret: str = field(repr=False)
    # By which browsers reach us, without a slash at its end.
    public_url: str
    # The first of somebody's groups that stands here decides.
    roles: Mapping[str, Role.ValueType]
    groups_claim: str = "groups"
    session_hours: int = SESSION_HOURS

    @property
    def is_secure(self) -> bool:
        """Return whether browsers reach us by TLS."""
        return self.public_url.startswith("https:")


def read_oidc(env: Mapping[str, str]) -> OidcSettings | None:
    """Return the settings; None without an issuer. ValueError if they make no sense."""
    # All are read, so that each is known for a setting.
    issuer, client, url, roles = (env.get(each, "") for each in (_ISSUER, _CLIENT, _URL, _ROLES))
    secret = env.get("CONDUIT_OIDC_CLIENT_SECRET", "")
    claim = env.get("CONDUIT_OIDC_GROUPS_CLAIM") or "groups"
    hours = env.get("CONDUIT_OIDC_SESSION_HOURS") or str(SESSION_HOURS)
    if not issuer:
        return None
    for name, value in ((_CLIENT, client), (_URL, url), (_ROLES, roles)):
        if not value:
            raise ValueError(f"{name} is not set, and {_ISSUER} is nothing without it")
    if not (hours.isdecimal() and 1 <= int(hours) <= MAX_HOURS):
        raise ValueError(f"CONDUIT_OIDC_SESSION_HOURS must be from 1 to {MAX_HOURS}")
    return OidcSettings(
        issuer=_checked(_ISSUER, issuer),
        client_id=client,
        client_secret=secret,
        public_url=_checked(_URL, url).rstrip("/"),
        roles=_read_roles(roles),
        groups_claim=claim,
        session_hours=int(hours),
    )


def is_safe(url: str) -> bool:
    """Return whether what is sent to a URL crosses no network in clear."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname or ""
    is_here = host == "localhost" or is_loopback(host)
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_here))


def _checked(name: str, url: str) -> str:
    if not is_safe(url) or any(sign in url for sign in "?#@ "):
        raise ValueError(f"{name} must be an https URL, without credentials, query and fragment")
    return url


def _read_roles(text: str) -> dict[str, Role.ValueType]:
    known = {
        name.removeprefix("ROLE_").capitalize(): value for name, value in Role.items() if value
    }
    found: dict[str, Role.ValueType] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        group, _, role = pair.rpartition("=")
        if not group or role not in known:
            raise ValueError(f"{_ROLES} has {pair!r}: give GROUP=ROLE, of {', '.join(known)}")
        found[group] = known[role]
    return found
