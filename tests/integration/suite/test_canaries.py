"""Secrets of every look go through every path, and are nowhere afterwards."""

import asyncio
import io
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, OidcIssuer, oidc_issuer
from tests.support.suite import MASTER_KEY, Suite, running_suite
from websockets.asyncio.client import connect

from conduit.v1.role_pb2 import ROLE_OPERATOR
from conduit_kernel.oidc_settings import OidcSettings

# Long, short, of signs that URLs and JSON write otherwise, and one that looks like no key at all.
KEYS = (
    "sk-canary-4f9d1c7be2a84b0f9e3d",
    "hun7er2",
    "can/ary+key.with=signs/7b1e",
    "correct horse battery staple 91".replace(" ", "-"),
)
PATH = "canary-path-5e21"
PROMPT, GUESS, TOKEN = "canary-prompt-71c3", "canary-guess-0b7a", "condt_admin_canary-55d1"
# As Google's scripts say a key.
ASKED = "condt_canary-query-3d90"
SAID = (PATH, PROMPT, GUESS, TOKEN, ASKED, MASTER_KEY)
EVERYTHING = (*KEYS, *(f"{each}-new" for each in KEYS), *SAID)


async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuse a request, with the key that it came with in each form that an upstream may use."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"content-length: ([0-9]+)", head.lower())
    await reader.readexactly(int(length[1]) if length else 0)
    found = re.search(r"authorization: bearer (.*)\r\n", head, re.IGNORECASE)
    token = found[1] if found else ""
    error = {"message": f"Incorrect API key provided: {token}. You sent '{token}'.", "param": token}
    body = orjson.dumps({"error": error, "request": {"authorization": f"Bearer {token}"}})
    lines = "HTTP/1.1 401 X\r\ncontent-type: application/json\r\nconnection: close"
    lines += f"\r\nwww-authenticate: Bearer {token}\r\nx-request-id: {token}"
    writer.write(f"{lines}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def repeating() -> AsyncIterator[str]:
    """Run the upstream; yield its address."""
    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def use(suite: Suite, client: httpx.AsyncClient, number: int, key: str, url: str) -> str:
    """Take a key through every path; return all that was answered."""
    seen = io.StringIO()

    async def call(
        method: str, path: str, body: object = None, **options: object
    ) -> httpx.Response:
        answer = await client.request(method, path, json=body, **options)  # type: ignore[arg-type] # of httpx
        seen.write(f"{answer.status_code} {answer.headers} {answer.text}\n")
        return answer

    spec = {"name": f"canary {number}", "providerType": "OpenAI", "baseUrl": url}
    provider = (await call("POST", "/api/providers", spec)).json()["id"]
    path = f"/api/providers/{provider}"
    key_id = (await call("POST", f"{path}/keys", {"apiKey": key})).json()["id"]
    mapping = {"modelAlias": f"alias-{number}", "providerId": provider, "actualModelName": "m"}
    await call("POST", "/api/model-provider-mappings", mapping)
    rotate = f"{path}/keys/{key_id}/rotate"
    refused = await call("POST", rotate, {"apiKey": f"{key}-new"})
    assert refused.json()["field"] == "apiKey"
    for action in (f"{path}/test", f"{path}/discover"):
        await call("POST", action, {})
    await call("GET", f"{path}/health", params={"refresh": "true"})
    await suite.settled()
    async with suite.caller() as caller:
        for stream in (False, True):
            body = {
                "model": f"alias-{number}",
                "stream": stream,
                "messages": [{"role": "user", "content": PROMPT}],
            }
            answer = await caller.post("/v1/chat/completions", json=body)
            seen.write(f"{answer.headers} {answer.text}")
    await call("POST", rotate, {"apiKey": f"{key}-new"}, params={"skipTest": "true"})
    # Elsewhere, where it must not go.
    moved = await call("PUT", path, {"baseUrl": "http://127.0.0.1:9/v1"})
    assert moved.json()["field"] == "baseUrl"
    for what in (f"{path}/keys", f"{path}/health", f"{path}/health/history", path):
        await call("GET", what)
    return seen.getvalue()


async def test_a_secret_of_any_look_is_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in databases, snapshots, spools, logs, metrics or answers, though an upstream repeats it.

    Neither is what opens a webhook's receiver, a prompt, or what somebody tried to log in with.
    """
    caplog.set_level(logging.DEBUG)
    # It tells what is stored, and is never listened to; see `conduit_kernel.logs`.
    caplog.set_level(logging.WARNING, logger="aiosqlite")
    # The test's own client tells the addresses that it asks.
    caplog.set_level(logging.WARNING, logger="httpx")
    seen = io.StringIO()
    async with repeating() as url, running_suite(tmp_path) as suite, suite.admin() as client:
        for number, key in enumerate(KEYS):
            seen.write(await use(suite, client, number, key, url))
        await client.post("/api/webhooks", json={"url": f"https://127.0.0.1:9/{PATH}"})
        for headers in ({"x-master-key": GUESS}, {"authorization": f"Bearer {TOKEN}"}):
            async with httpx.AsyncClient(base_url=suite.url, headers=headers) as stranger:
                seen.write((await stranger.get("/api/audit-log")).text)
        seen.write(await ask_with_key(suite, ASKED) + await ask_with_key(suite, suite.virtual_key))
        assert suite.virtual_key not in seen.getvalue()
        for path in ("/api/audit-log?pageSize=1000", "/api/config", "/api/requests", "/metrics"):
            seen.write((await client.get(path)).text)
    out = capfd.readouterr()
    seen.write(out.out + out.err + caplog.text)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(map(len, files.values())) > 10_000
    for secret in (*EVERYTHING, suite.virtual_key):
        assert secret not in seen.getvalue(), secret
        written = [path.name for path, content in files.items() if secret.encode() in content]
        # Health has to know where a webhook leads.
        assert set(written) <= ({"health.db", "health.db-wal"} if secret == PATH else set()), secret


async def ask_with_key(suite: Suite, key: str) -> str:
    """Ask with a key in the query, where it opens something and where not; return all answers."""
    places = ("models", "models/echo", "models/echo:generateContent", "models/x/y:countTokens", "x")
    seen = io.StringIO()
    async with httpx.AsyncClient(base_url=suite.url) as stranger:
        for path in (f"/{top}/{place}" for top in ("v1beta", "v1") for place in places):
            for method, body in (("GET", None), ("POST", b"{"), ("POST", b'{"contents":[]}')):
                answer = await stranger.request(method, path, params={"key": key}, content=body)
                seen.write(f"{answer.status_code} {answer.headers} {answer.text}\n")
    return seen.getvalue()


async def say(suite: Suite) -> list[str]:
    """Have a caller say the prompt by each API, with a key for whoever repeats; return answers."""
    turns = [{"role": "user", "content": PROMPT}]
    seen: list[str] = []
    async with suite.caller() as caller:
        for path, body in (
            ("/v1/chat/completions", {"messages": turns}),
            ("/v1/responses", {"input": PROMPT, "store": False}),
            ("/v1/messages", {"messages": turns, "max_tokens": 64}),
        ):
            for model in ("echo", "refusing"):
                for stream in (False, True):
                    asked = {"model": model, "stream": stream, **body}
                    for headers in ({}, {"idempotency-key": f"canary {path} {model} {stream}"}):
                        answer = await caller.post(path, json=asked, headers=headers)
                        assert answer.is_success == (model == "echo"), answer.text
                        # What is said comes back to who said it, and to nobody else.
                        seen.append(answer.text.replace(PROMPT, "") + str(answer.headers))
    bearer = {"authorization": f"Bearer {suite.virtual_key}"}
    url = suite.url.replace("http", "ws", 1) + "/v1/responses"
    async with connect(url, additional_headers=bearer, proxy=None) as socket:
        for model in ("echo", "refusing"):
            asked = {"type": "response.create", "model": model, "input": PROMPT, "store": False}
            await socket.send(orjson.dumps(asked).decode())
            event: dict[str, object] = {}
            while event.get("type") not in {"response.completed", "response.failed", "error"}:
                async with asyncio.timeout(20):
                    text = str(await socket.recv())
                event = orjson.loads(text)
                seen.append(text.replace(PROMPT, ""))
    return seen


async def log_in_and_out(suite: Suite, issuer: OidcIssuer) -> list[str]:
    """Log in and out again; return the secrets of the browser."""
    async with httpx.AsyncClient(base_url=suite.url) as browser:
        there = await browser.get("/api/login")
        flow = there.headers["set-cookie"].partition(";")[0]
        code, state = issuer.granted(there.headers["location"], groups=["platform"])
        way = {"code": code, "state": state}
        back = await browser.get("/api/login/callback", params=way, headers={"cookie": flow})
        kept = [each.partition(";")[0] for each in back.headers.get_list("set-cookie")]
        [session] = [each for each in kept if each.startswith("__Host-conduit-session=c")]
        shown = (await browser.get("/api/session", headers={"cookie": session})).json()
        own = {"cookie": session, "x-csrf-token": shown["csrfToken"]}
        assert (await browser.post("/api/logout", headers=own)).status_code == 204
        return [flow.partition("=")[2], session.partition("=")[2], shown["csrfToken"], code]


async def test_what_callers_say_and_browsers_show_is_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """By each API, kept for idempotency; neither are keys that were rotated, and logins.

    What a caller asked to have kept is sealed, and all files are their owner's alone.
    """
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="aiosqlite")
    secrets, seen = [PROMPT, KEYS[2], CLIENT_SECRET, MASTER_KEY], io.StringIO()
    async with oidc_issuer() as issuer, repeating() as url:
        oidc = OidcSettings(
            issuer.url, CLIENT_ID, CLIENT_SECRET, "https://x.example", {"platform": ROLE_OPERATOR}
        )
        async with running_suite(tmp_path, oidc=oidc) as suite, suite.admin() as admin:
            await suite.add_simulator("echo", "echo")
            refusing = {"name": "refusing", "providerType": "OpenAI", "baseUrl": url}
            number = (await suite.call("POST", "/api/providers", refusing))["id"]
            await suite.call("POST", f"/api/providers/{number}/keys", {"apiKey": KEYS[2]})
            mapping = {"modelAlias": "refusing", "providerId": number, "actualModelName": "m"}
            await suite.call("POST", "/api/model-provider-mappings", mapping)
            group = await suite.call("POST", "/api/virtual-key-groups", {"name": "canaries"})
            made = await suite.call(
                "POST", "/api/virtual-keys", {"name": "canary", "groupId": group["id"]}
            )
            rotated = await suite.call(
                "POST", f"/api/virtual-keys/{made['id']}/rotate", {"graceSeconds": 60}
            )
            person = await suite.call("POST", "/api/administrators", {"name": "a", "role": "Owner"})
            secrets += [made["key"], rotated["key"], person["token"], suite.virtual_key]
            await suite.settled()
            for text in await say(suite):
                seen.write(text)
            secrets += await log_in_and_out(suite, issuer)
            for path in (
                *("/api/audit-log?pageSize=1000", "/api/config", "/api/requests", "/metrics"),
                *("/api/virtual-keys", "/api/virtual-key-groups", "/api/administrators"),
                *("/api/administrator-sessions", "/api/provider-health", "/api/usage/charges"),
                *(f"/api/providers/{number}/health/history", f"/api/providers/{number}/keys"),
            ):
                seen.write((await admin.get(path)).text)
    out = capfd.readouterr()
    seen.write(out.out + out.err + caplog.text)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name.startswith("storage.db") for path in files)
    for secret in secrets:
        assert secret not in seen.getvalue(), secret
        assert [path.name for path, content in files.items() if secret.encode() in content] == []
    assert [str(path) for path in files if path.stat().st_mode & 0o077] == []
