"""The paths of a login, each by itself."""

from pathlib import Path

import grpc
import orjson
import pytest
from tests.support.key_files import key_file
from tests.support.oidc_issuer import OidcIssuer
from tests.support.registry import SERVICE_METADATA, Clock

from conduit_bridge.login.browser_sessions import BrowserSessions
from conduit_bridge.login.endpoints import FLOW_SECONDS, Login
from conduit_bridge.login.exchanges import BURST, CodeExchanges
from conduit_bridge.login.provider import OidcProvider
from conduit_kernel.auth_errors import AdministratorTokenInvalid, LoginThrottled
from conduit_kernel.http import Request
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.login_sessions import LoginSessions

ID = "req_1"


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
def refused() -> list[tuple[str, str]]:
    """Return the logins that were refused."""
    return []


@pytest.fixture
def login(
    provider: OidcProvider, clock: Clock, sessions: LoginSessions, refused: list[tuple[str, str]]
) -> Login:
    """Return what lets in."""
    return Login(
        provider,
        KeyRing([bytes(32)]),
        clock,
        sessions,
        exchanges=CodeExchanges(clock),
        on_refused=lambda address, reason: refused.append((address, reason)),
    )


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
    status, fields, body = await login.finish(request(*await begun(login, issuer)), ID)
    assert (status, b"You are logged in" in body) == (200, True)
    found = cookies(fields)
    assert "SameSite=Strict" in found["conduit-session"]
    assert found["conduit-login"].startswith("; Path=/; Max-Age=0")
    assert dict(fields)[b"refresh"] == b"0; url=/console"
    assert b"default-src 'none'" in dict(fields)[b"content-security-policy"]


async def test_a_login_takes_ten_minutes_at_most(
    login: Login, issuer: OidcIssuer, clock: Clock, refused: list[tuple[str, str]]
) -> None:
    """Nobody finishes one tomorrow that was left open."""
    back = request(*await begun(login, issuer))
    clock.now += FLOW_SECONDS
    assert (await login.finish(back, ID))[0] == 403
    assert refused == [("10.0.0.1", "LOGIN_REFUSED")]


async def test_strangers_have_the_provider_asked_once_for_each_login(
    login: Login, issuer: OidcIssuer, refused: list[tuple[str, str]]
) -> None:
    """And never without one of ours; pgEdge/ai-dba-workbench#505: with one cookie, any number."""
    _, cookie = await begun(login, issuer)
    state = issuer.states[-1]
    for code in ("guess-1", "guess-2", "guess-3"):
        back = request(f"code={code}&state={state}", cookie)
        assert (await login.finish(back, ID))[0] == 403
    for query, sent in (
        (f"code=x&state={state}x", cookie),
        (f"code=x&state={state}", ""),
        (f"code=x&state={state}", cookie + "x"),
    ):
        assert (await login.finish(request(query, sent), ID))[0] == 403
    assert issuer.asked.count("/token") == 1
    assert refused == [("10.0.0.1", "LOGIN_REFUSED")] * 6


async def test_whoever_goes_on_guessing_waits(
    login: Login, issuer: OidcIssuer, refused: list[tuple[str, str]]
) -> None:
    """With a login of its own for each guess; the audit log hears of it."""
    for number in range(BURST + 2):
        _, cookie = await begun(login, issuer)
        back = request(f"code=guess-{number}&state={issuer.states[-1]}", cookie)
        if number < BURST:
            await login.finish(back, ID)
            continue
        with pytest.raises(LoginThrottled):
            await login.finish(back, ID)
    assert issuer.asked.count("/token") == BURST
    assert refused[-1] == ("10.0.0.1", "LOGIN_THROTTLED")


async def test_a_login_that_began_at_a_newer_worker_ends_here(
    provider: OidcProvider,
    issuer: OidcIssuer,
    clock: Clock,
    sessions: LoginSessions,
    tmp_path: Path,
) -> None:
    """It has the key that the file has by now."""
    old, new = bytes(32), bytes(range(32))
    file = key_file(tmp_path, old)
    here, there = (
        Login(
            *(provider, KeyRing([old], file.path), clock, sessions),
            exchanges=CodeExchanges(clock),
            on_refused=lambda *_: None,
        )
        for _ in range(2)
    )
    key_file(tmp_path, new, old)
    back = await begun(there, issuer)
    assert (await here.finish(request(*back), ID))[0] == 200


async def test_a_session_that_was_left_is_none(
    login: Login, issuer: OidcIssuer, clock: Clock, registry: grpc.aio.Channel
) -> None:
    """Whoever has kept its cookie is nobody, here and everywhere."""
    shown_by = BrowserSessions(
        *(registry, KeyRing([bytes(32)]), clock, LoginSessions(registry, SERVICE_METADATA)),
        vouched_by=SERVICE_METADATA,
    )
    _, fields, _ = await login.finish(request(*await begun(login, issuer)), ID)
    token = cookies(fields)["conduit-session"].partition(";")[0]
    kept = request(cookie=f"conduit-session={token}")
    kept.fields[b"host"] = b"localhost:8080"
    shown = orjson.loads((await shown_by.show(kept, ID))[2])
    assert (shown["name"], shown["role"]) == ("user-1", "Operator")
    leaving = request(cookie=f"conduit-session={token}", method="POST")
    leaving.fields |= {b"host": b"localhost:8080", b"x-csrf-token": shown["csrfToken"].encode()}
    assert (await shown_by.leave(leaving, ID))[0] == 204
    with pytest.raises(AdministratorTokenInvalid):
        await shown_by.show(kept, ID)
    # Once more is no error: it is what was asked for.
    assert (await shown_by.leave(leaving, ID))[0] == 204
