"""Administrators log in by OpenID Connect, at a provider on a real port."""

import itertools
from collections.abc import AsyncIterator
from typing import Any, Self

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, OidcIssuer, oidc_issuer
from tests.support.suite import MASTER_KEY, Suite, running_suite

from conduit.v1.role_pb2 import ROLE_OPERATOR, ROLE_VIEWER
from conduit_kernel.oidc_settings import OidcSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLIC_URL = "https://conduit.example"
# One of each service that judges administrators.
PATHS = ("/api/providers", "/api/provider-health", "/api/model-costs", "/api/requests")
SESSION, FLOW = "__Host-conduit-session", "__Host-conduit-login"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def issuer() -> AsyncIterator[OidcIssuer]:
    """Run a provider of logins."""
    async with oidc_issuer() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(
    issuer: OidcIssuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Suite]:
    """Run a suite whose administrators log in there."""
    settings = OidcSettings(
        issuer=issuer.url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        public_url=PUBLIC_URL,
        roles={"platform": ROLE_OPERATOR, "readers": ROLE_VIEWER},
    )
    async with running_suite(tmp_path_factory.mktemp("login"), oidc=settings) as running:
        yield running


class Browser:
    """Keeps cookies as a browser does that reached us by PUBLIC_URL, each from its own address."""

    _numbers = itertools.count(2)

    def __init__(self, suite: Suite) -> None:
        self.cookies: dict[str, str] = {}
        self.address = f"127.0.0.{next(self._numbers)}"
        transport = httpx.AsyncHTTPTransport(local_address=self.address)
        self._client = httpx.AsyncClient(base_url=suite.url, timeout=40, transport=transport)

    async def __aenter__(self) -> Self:
        """Open it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._client.aclose()

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 # of httpx
        """Send the cookies with a request, and take those of its answer."""
        headers = httpx.Headers(options.pop("headers", {}), encoding="latin-1")
        if self.cookies:
            headers["cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        answer = await self._client.request(method, path, headers=headers, **options)
        for field in answer.headers.get_list("set-cookie"):
            pair, *attributes = [each.strip() for each in field.split(";")]
            assert {"Path=/", "HttpOnly", "Secure"} <= set(attributes)
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    async def log_in(self, issuer: OidcIssuer, **claims: Any) -> httpx.Response:  # noqa: ANN401 # JSON
        """Go to the provider and come back."""
        there = await self.request("GET", "/api/login")
        assert there.status_code == 302
        code, state = issuer.granted(there.headers["location"], **claims)
        return await self.request(
            "GET", "/api/login/callback", params={"code": code, "state": state}
        )


async def test_a_browser_that_logged_in_acts_as_its_groups_may(
    suite: Suite, issuer: OidcIssuer
) -> None:
    """It reads by its cookie alone, and changes with the CSRF token; the audit log says who."""
    async with Browser(suite) as browser:
        assert (await browser.request("GET", "/api/session")).status_code == 401
        back = await browser.log_in(issuer, groups=["x", "platform"], email="anna@example.com")
        assert back.status_code == 200
        [strict] = [c for c in back.headers.get_list("set-cookie") if c.startswith(SESSION)]
        assert "SameSite=Strict" in strict
        assert set(browser.cookies) == {SESSION}
        session = (await browser.request("GET", "/api/session")).json()
        assert (session["name"], session["role"]) == ("user-1 anna@example.com", "Operator")
        assert (await browser.request("GET", "/api/providers")).status_code == 200
        spec = {"name": "by a browser", "providerType": "OpenAI"}
        for token in (None, "", "wrong", session["csrfToken"][:-1]):
            headers = {} if token is None else {"x-csrf-token": token}
            refused = await browser.request("POST", "/api/providers", json=spec, headers=headers)
            assert refused.status_code == 401
        own = {"x-csrf-token": session["csrfToken"]}
        made = await browser.request("POST", "/api/providers", json=spec, headers=own)
        assert made.is_success
        assert (await browser.request("GET", "/api/audit-log")).status_code == 403
        [entry, *_] = (await suite.call("GET", "/api/audit-log"))["entries"]
        assert entry["actor"] == "login/user-1 anna@example.com"
        assert (await browser.request("POST", "/api/logout")).status_code == 401
        assert (await browser.request("POST", "/api/logout", headers=own)).status_code == 204
        assert browser.cookies == {}
        assert (await browser.request("GET", "/api/providers")).status_code == 401


@pytest.mark.parametrize("groups", [None, [], ["Platform"], "platforms", {"platform": 1}, 7])
async def test_whoever_is_in_no_group_that_counts_is_not_let_in(
    suite: Suite, issuer: OidcIssuer, groups: object
) -> None:
    """However much they are known elsewhere."""
    async with Browser(suite) as browser:
        back = await browser.log_in(issuer, groups=groups)
        assert (back.status_code, browser.cookies) == (403, {})


async def test_whoever_logged_out_is_nobody_everywhere(suite: Suite, issuer: OidcIssuer) -> None:
    """Though the cookie was kept: at every service, from the answer on."""
    async with Browser(suite) as browser:
        await browser.log_in(issuer, groups=["platform"])
        kept = dict(browser.cookies)
        csrf = (await browser.request("GET", "/api/session")).json()["csrfToken"]
        for path in PATHS:
            assert (await browser.request("GET", path)).status_code == 200
        left = await browser.request("POST", "/api/logout", headers={"x-csrf-token": csrf})
        assert left.status_code == 204
        browser.cookies = kept
        for path in (*PATHS, "/api/session"):
            assert (await browser.request("GET", path)).status_code == 401
    into, out = [
        (await suite.call("GET", f"/api/audit-log?action={action}&pageSize=1"))["entries"][0]
        for action in ("LoggedIn", "LoggedOut")
    ]
    assert into["actor"] == out["actor"] == "login/user-1"
    assert into["peer"] == out["peer"] == browser.address
    assert into["requestId"]
    assert out["requestId"]


@pytest.mark.parametrize("is_token", [False, True])
async def test_whoever_logged_out_of_a_credentials_session_is_nobody_everywhere(
    suite: Suite, *, is_token: bool
) -> None:
    """Though the cookie was kept, and the credential is taken still; it is in the audit log."""
    token, name = MASTER_KEY, "login/master-key"
    if is_token:
        made = await suite.call("POST", "/api/administrators", {"name": "leo", "role": "Owner"})
        token, name = made["token"], f"login/administrator/{made['id']} leo"
    async with httpx.AsyncClient(base_url=suite.url) as client:
        begun = await client.post("/api/session", json={"token": token})
        cookie = {"cookie": begun.headers["set-cookie"].partition(";")[0]}
        for path in (*PATHS, "/api/session"):
            assert (await client.get(path, headers=cookie)).status_code == 200
        own = {**cookie, "x-csrf-token": begun.json()["csrfToken"]}
        assert (await client.post("/api/logout", headers=own)).status_code == 204
        client.cookies.clear()
        for path in (*PATHS, "/api/session"):
            assert (await client.get(path, headers=cookie)).status_code == 401
    for action in ("LoggedIn", "LoggedOut"):
        told = await suite.call("GET", f"/api/audit-log?action={action}&pageSize=1")
        assert told["entries"][0]["actor"] == name


async def test_nobody_logs_in_by_a_name_of_ours(suite: Suite, issuer: OidcIssuer) -> None:
    """Their role would be that of whoever logs in with the master key."""
    async with Browser(suite) as browser:
        back = await browser.log_in(issuer, groups=["readers"], sub="credential master-key")
        assert (back.status_code, browser.cookies) == (403, {})


async def test_an_owner_ends_all_of_a_persons_sessions(suite: Suite, issuer: OidcIssuer) -> None:
    """In all browsers, at once; whoever else has logged in stays."""
    async with Browser(suite) as one, Browser(suite) as two, Browser(suite) as other:
        await one.log_in(issuer, groups=["platform"], sub="leaving")
        await two.log_in(issuer, groups=["platform"], sub="leaving")
        await other.log_in(issuer, groups=["readers"], sub="staying")
        sessions = (await suite.call("GET", "/api/administrator-sessions"))["administratorSessions"]
        assert [each["subject"] for each in sessions].count("leaving") == 2
        for browser in (one, other):
            session = (await browser.request("GET", "/api/session")).json()
            headers = {"x-csrf-token": session["csrfToken"]}
            refused = await browser.request(
                *("POST", "/api/administrator-sessions/end"),
                json={"subject": "staying"},
                headers=headers,
            )
            # For owners.
            assert refused.status_code == 403
        ended = await suite.call("POST", "/api/administrator-sessions/end", {"subject": "leaving"})
        assert len(ended["administratorSessions"]) == 2
        for path in PATHS:
            assert (await one.request("GET", path)).status_code == 401
            assert (await two.request("GET", path)).status_code == 401
            assert (await other.request("GET", path)).status_code == 200


async def test_a_group_that_is_lost_is_lost_in_all_browsers(
    suite: Suite, issuer: OidcIssuer
) -> None:
    """With the next login in any of them; with no group at all, all sessions end."""
    async with Browser(suite) as one, Browser(suite) as two:
        await one.log_in(issuer, groups=["platform"], sub="moving")
        await two.log_in(issuer, groups=["readers"], sub="moving")
        assert (await one.request("GET", "/api/session")).json()["role"] == "Viewer"
        assert (await one.request("GET", "/api/webhooks")).status_code == 403
        back = await two.log_in(issuer, groups=[], sub="moving")
        assert back.status_code == 403
        assert (await one.request("GET", "/api/providers")).status_code == 401


async def test_a_login_that_another_browser_began_is_none(suite: Suite, issuer: OidcIssuer) -> None:
    """Or somebody could have others act as themselves: login CSRF."""
    async with Browser(suite) as attacker, Browser(suite) as victim:
        there = await attacker.request("GET", "/api/login")
        code, state = issuer.granted(there.headers["location"], groups=["platform"])
        params = {"code": code, "state": state}
        for own in (False, True):
            if own:
                await victim.request("GET", "/api/login")
            back = await victim.request("GET", "/api/login/callback", params=params)
            assert back.status_code == 403
            assert SESSION not in victim.cookies
        # Nor is it taken a second time by its own.
        assert (
            await attacker.request("GET", "/api/login/callback", params=params)
        ).status_code == 200
        assert (
            await attacker.request("GET", "/api/login/callback", params=params)
        ).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["another", "conduit"], "azp": "another"},
        {"iss": "https://another.example"},
        {"exp": 1},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": 7},
    ],
)
async def test_a_token_that_is_not_for_this_login_is_not_believed(
    suite: Suite, issuer: OidcIssuer, claims: dict[str, Any]
) -> None:
    """Though the provider signed it."""
    async with Browser(suite) as browser:
        back = await browser.log_in(issuer, groups=["platform"], **claims)
        assert (back.status_code, SESSION in browser.cookies) == (403, False)


@pytest.mark.parametrize("kind", ["none", "hmac", "garbage", "number", "stranger"])
async def test_a_token_that_the_provider_did_not_sign_is_not_believed(
    suite: Suite, issuer: OidcIssuer, kind: str
) -> None:
    """Neither without a signature, nor with one by what everybody knows."""
    async with Browser(suite) as browser:
        there = await browser.request("GET", "/api/login")
        code, state = issuer.granted(there.headers["location"], groups=["platform"])
        claims = issuer.codes[code].claims
        headers = {"kid": "first"}
        token: object = {
            "none": jwt.encode(claims, "", algorithm="none", headers=headers),
            "hmac": jwt.encode(claims, CLIENT_SECRET * 4, algorithm="HS256", headers=headers),
            "garbage": "a.b.c",
            "number": 7,
            "stranger": jwt.encode(claims, _stranger(), algorithm="ES256", headers=headers),
        }[kind]
        issuer.token = {"id_token": token}
        try:
            params = {"code": code, "state": state}
            back = await browser.request("GET", "/api/login/callback", params=params)
        finally:
            issuer.token = {}
        assert (back.status_code, SESSION in browser.cookies) == (403, False)


def _stranger() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=x",
        "state=x",
        "error=access_denied&state={state}",
        "code={code}&code={code}&state={state}",
        "code={code}&state={state}&iss=https%3A%2F%2Fanother.example",
        "code={code}&state={state}x",
        "code=wrong&state={state}",
        "code=%ff%00&state=%ff",
        "&".join(f"a{number}=1" for number in range(50)),
    ],
)
async def test_a_way_back_that_is_none_leads_nowhere(
    suite: Suite, issuer: OidcIssuer, query: str
) -> None:
    """It is told in a page that has nothing of what came."""
    async with Browser(suite) as browser:
        there = await browser.request("GET", "/api/login")
        code, state = issuer.granted(there.headers["location"], groups=["platform"])
        text = query.format(code=code, state=state)
        back = await browser.request("GET", f"/api/login/callback?{text}")
        assert (back.status_code, SESSION in browser.cookies) == (403, False)
        assert "<script" not in back.text
        assert back.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", [SESSION, FLOW])
async def test_cookies_that_we_did_not_make_are_none(
    suite: Suite, issuer: OidcIssuer, name: str
) -> None:
    """Nor one that was altered, or of another purpose."""
    async with Browser(suite) as browser:
        await browser.log_in(issuer, groups=["platform"])
        token = browser.cookies[SESSION]
        for value in (
            "x",
            token[:-2],
            token + "x",
            token.replace("session_", "", 1),
            "\xe9",
            "a" * 9000,
        ):
            browser.cookies = {name: value}
            assert (await browser.request("GET", "/api/providers")).status_code in {401, 431}
            back = await browser.request("GET", "/api/login/callback?code=a&state=b")
            assert back.status_code in {403, 431}
        browser.cookies = {SESSION: token, "__Host-conduit-session ": "x"}
        assert (await browser.request("GET", "/api/providers")).status_code in {200, 401}


async def test_a_new_key_of_the_provider_is_found(suite: Suite, issuer: OidcIssuer) -> None:
    """Keys change; for one that stays unknown the provider is asked once in a while."""
    async with Browser(suite) as browser:
        issuer.signs_by = "second"
        issuer.keys["second"] = _stranger()
        try:
            asked = issuer.asked.count("/jwks")
            for _ in range(4):
                await browser.log_in(issuer, groups=["platform"])
            assert issuer.asked.count("/jwks") <= asked + 1
        finally:
            issuer.signs_by = "first"


async def test_a_websocket_of_another_sites_page_has_no_session(
    suite: Suite, issuer: OidcIssuer
) -> None:
    """Browsers let every page open one, with the cookies of where it leads."""
    async with Browser(suite) as browser:
        await browser.log_in(issuer, groups=["platform"])
        found = {}
        for origin in ("https://conduit.example", "https://evil.example", None):
            headers = {
                "host": "conduit.example",
                "connection": "Upgrade",
                "upgrade": "websocket",
                "sec-websocket-version": "13",
                "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
                **({"origin": origin} if origin else {}),
            }
            answer = await browser.request("GET", "/api/providers", headers=headers)
            found[origin] = answer.status_code
        assert found["https://evil.example"] == found[None] == 401
