"""The paths of a login, each by itself."""

from pathlib import Path

import pytest
from tests.support.key_files import key_file
from tests.support.oidc_issuer import OidcIssuer

from conduit_bridge.login.endpoints import FLOW_SECONDS, Login
from conduit_bridge.login.provider import OidcProvider
from conduit_kernel.auth_errors import AdministratorTokenInvalid
from conduit_kernel.http import Request
from conduit_kernel.key_ring import KeyRing

NOW = 1_000_000.0


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


def request(query: str = "", cookie: str = "", method: str = "GET") -> Request:
    """Return a request with a cookie."""
    made = Request("10.0.0.1")
    made.method, made.path, made.query = method, "/api/login/callback", query
    made.fields = {b"cookie": cookie.encode()} if cookie else {}
    return made


def cookies(fields: object) -> dict[str, str]:
    """Return the cookies that an answer sets, with what it says of them."""
    assert isinstance(fields, tuple)
    texts = [value.decode() for name, value in fields if name == b"set-cookie"]
    return {text.partition("=")[0]: text.partition("=")[2] for text in texts}


@pytest.fixture
def clock() -> Clock:
    """Return the clock of logins."""
    return Clock()


@pytest.fixture
def login(provider: OidcProvider, clock: Clock) -> Login:
    """Return what lets in."""
    return Login(provider, KeyRing([bytes(32)]), clock)


async def begun(login: Login, issuer: OidcIssuer) -> tuple[str, str]:
    """Begin a login; return the way back and the browser's cookie."""
    status, fields, body = await login.begin(request())
    assert (status, body) == (302, b"")
    location = dict(fields)[b"location"].decode()
    code, state = issuer.granted(location, groups=["platform"])
    [(name, value)] = cookies(fields).items()
    assert (name, "SameSite=Lax" in value) == ("conduit-login", True)
    return f"code={code}&state={state}", f"{name}={value.partition(';')[0]}"


async def test_a_login_ends_with_a_strict_cookie(login: Login, issuer: OidcIssuer) -> None:
    """And with a page, as a redirect would still be the provider's; the flow is forgotten."""
    status, fields, body = await login.finish(request(*await begun(login, issuer)))
    assert (status, b"You are logged in" in body) == (200, True)
    found = cookies(fields)
    assert "SameSite=Strict" in found["conduit-session"]
    assert found["conduit-login"].startswith("; Path=/; Max-Age=0")
    assert dict(fields)[b"refresh"] == b"0; url=/api/session"
    assert b"default-src 'none'" in dict(fields)[b"content-security-policy"]


async def test_a_login_takes_ten_minutes_at_most(
    login: Login, issuer: OidcIssuer, clock: Clock
) -> None:
    """Nobody finishes one tomorrow that was left open."""
    back = request(*await begun(login, issuer))
    clock.now += FLOW_SECONDS
    assert (await login.finish(back))[0] == 403


async def test_without_a_session_nobody_is_shown(login: Login) -> None:
    """Nor leaves."""
    for asked in (login.show, login.leave):
        with pytest.raises(AdministratorTokenInvalid):
            await asked(request())


async def test_a_login_that_began_at_a_newer_worker_ends_here(
    provider: OidcProvider, issuer: OidcIssuer, clock: Clock, tmp_path: Path
) -> None:
    """It has the key that the file has by now."""
    old, new = bytes(32), bytes(range(32))
    file = key_file(tmp_path, old)
    here = Login(provider, KeyRing([old], file.path), clock)
    key_file(tmp_path, new, old)
    back = await begun(Login(provider, KeyRing([old], file.path), clock), issuer)
    assert (await here.finish(request(*back)))[0] == 200
