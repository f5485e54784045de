"""Pages of others, and browsers that were prepared: neither acts for whoever has logged in."""

from collections.abc import Mapping

import httpx
import pytest
from tests.support.suite import MASTER_KEY, Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEC = {"name": "by somebody else", "providerType": "OpenAI"}
PLANTED = "condt_admin_login_planted"


class Session:
    """A browser that has logged in with the master key."""

    def __init__(self, client: httpx.AsyncClient, begun: httpx.Response) -> None:
        self.client = client
        self.cookie = begun.headers["set-cookie"].partition(";")[0]
        self.csrf = str(begun.json()["csrfToken"])


async def _log_in(client: httpx.AsyncClient, **fields: str) -> Session:
    begun = await client.post("/api/session", json={"token": MASTER_KEY}, headers=fields)
    assert begun.is_success, begun.text
    client.cookies.clear()
    return Session(client, begun)


async def test_a_planted_cookie_is_no_session(gateway: Suite) -> None:
    """Who logs in gets another one, and what was planted opens nothing: session fixation."""
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        own = await _log_in(client, cookie=f"conduit-session={PLANTED}")
        assert PLANTED not in own.cookie
        for cookie, status in ((f"conduit-session={PLANTED}", 401), (own.cookie, 200)):
            found = await client.get("/api/providers", headers={"cookie": cookie})
            assert found.status_code == status
        # With two of the name nobody knows whose is whose.
        both = f"{own.cookie}; conduit-session={PLANTED}"
        found = await client.get("/api/providers", headers={"cookie": both})
        assert found.status_code == 401


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"x-csrf-token": ""},
        {"x-csrf-token": "0" * 64},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"cookie-csrf": "1"},
    ],
)
async def test_a_page_of_others_changes_nothing(gateway: Suite, fields: Mapping[str, str]) -> None:
    """Though the browser sends the cookie: it has not what only the session's page shows."""
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        own, other = await _log_in(client), await _log_in(client)
        for shown in ({}, {"x-csrf-token": other.csrf}):
            headers = {**shown, **fields, "cookie": own.cookie}
            made = await client.post("/api/providers", json=SPEC, headers=headers)
            assert made.status_code == 401
        query = f"?csrfToken={own.csrf}&x-csrf-token={own.csrf}&_method=POST"
        named = {"cookie": own.cookie, "x-http-method-override": "POST", **fields}
        await client.request("GET", f"/api/providers{query}", headers=named)
        made = await client.post(
            f"/api/providers{query}", json=SPEC, headers={"cookie": own.cookie}
        )
        assert made.status_code == 401
    listed = await gateway.call("GET", "/api/providers")
    assert SPEC["name"] not in [each["name"] for each in listed["providers"]]


async def test_a_cookie_opens_nothing_of_callers(gateway: Suite) -> None:
    """Nor does a virtual key make a session, and a session is no bearer of internal calls."""
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        own = await _log_in(client)
        body = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
        shown = {"cookie": own.cookie, "x-csrf-token": own.csrf}
        assert (
            await client.post("/v1/chat/completions", json=body, headers=shown)
        ).status_code == 401
        refused = await client.post("/api/session", json={"token": gateway.virtual_key})
        assert refused.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/console",
        "/console/",
        "/console/..%2fapi%2fproviders",
        "/console/%2e%2e/%2e%2e/etc/passwd",
        "/console/....//etc/passwd",
        "/console/assets/..%5c..%5cx",
        "/console/assets/../../pyproject.toml",
        "/console/%00",
        "/console//evil.example",
        "/console/<script>alert(1)</script>",
    ],
)
async def test_pages_are_shown_within_no_others_and_run_no_words(gateway: Suite, path: str) -> None:
    """Whatever the path: it is the console's own, or none, and nothing of it comes back."""
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        url = httpx.URL(gateway.url).copy_with(raw_path=path.encode())
        found = await client.get(url)
    assert found.status_code in {200, 301, 302, 307, 308, 400, 404}, found.text
    assert "evil.example" not in found.headers.get("location", "")
    assert "root:" not in found.text
    assert "[project]" not in found.text
    if found.headers.get("content-type", "").startswith("text/html"):
        policy = found.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-" not in policy
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "alert(1)" not in found.text


async def test_what_a_session_reads_is_kept_nowhere(gateway: Suite) -> None:
    """By no cache of the browser's or on the way: whoever goes back after a logout sees nothing."""
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        own = await _log_in(client)
        for path in ("/api/session", "/api/providers", "/api/requests", "/api/audit-log"):
            found = await client.get(path, headers={"cookie": own.cookie})
            assert "no-store" in found.headers["cache-control"], path
            assert "access-control-allow-origin" not in found.headers
