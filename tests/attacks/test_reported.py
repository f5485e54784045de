"""Incidents of other gateways, as they were published, tried on this one.

Named by the report. Others have tests of their own: pictures by URL (songquanpeng/one-api#2388) and
names that change (GHSA-9f46-w24h-69w4) in `test_ssrf`, signatures that nobody verifies
(BerriAI/litellm#20500) and sessions that do not end (CVE-2026-12772) in `suite/test_login`, viewers
who change something (CVE-2025-0628) and callers who make keys (BerriAI/litellm#8029) in
`suite/test_roles`, keys in health reports (CVE-2025-11203) in `suite/test_canaries`.
"""

from typing import Any

import httpx
import pytest
from tests.attacks.raw_http import exchanged
from tests.attacks.trap import Trap
from tests.support.suite import MASTER_KEY, Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
# By which callers of other gateways and applications choose where a request goes, or with what.
MEMBERS = ("api_base", "base_url", "baseURL", "api_key", "custom_llm_provider", "azure_endpoint")
FIELDS = (
    *("x-portkey-custom-host", "x-ai-base-url", "x-api-base", "x-forwarded-host", "x-base-url"),
    *("x-portkey-config", "x-litellm-api-base", "helicone-target-url", "x-original-url"),
    "x-rewrite-url",
)


async def mapped(suite: Suite) -> None:
    """Have the alias lead to the simulator, once."""
    known = await suite.call("GET", "/api/model-provider-mappings")
    if all(each["modelAlias"] != "echo" for each in known["mappings"]):
        await suite.add_simulator("echo", "echo")
    await suite.settled()


@pytest.mark.parametrize("host", ["x/v1/models?", "x/health/live#", "x/v1/models;", "x\\/v1"])
async def test_host_fields_decide_no_access(gateway: Suite, host: str) -> None:
    """CVE-2026-49468, CVE-2026-48710: whoever judges reads another path than whoever routes."""
    head = f"GET /api/providers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    answer = await exchanged(int(gateway.url.rpartition(":")[2]), head.encode())
    assert answer.split(b" ", 2)[1] in {b"400", b"401"}
    assert b'"providers"' not in answer


@pytest.mark.parametrize("way", ["member", "field"])
async def test_callers_do_not_choose_where_keys_go(gateway: Suite, inside: Trap, way: str) -> None:
    """CVE-2024-6587, CVE-2024-37895: the provider's key is sent to whom the caller names."""
    await mapped(gateway)
    url = f"http://127.0.0.1:{inside.port}/v1"
    async with gateway.caller() as client:
        for name in MEMBERS if way == "member" else FIELDS:
            body, headers = (CHAT | {name: url}, {}) if way == "member" else (CHAT, {name: url})
            answer = await client.post("/v1/chat/completions", json=body, headers=headers)
            assert answer.status_code in {200, 400}, answer.text
    assert inside.reached == []


async def test_no_error_repeats_a_callers_key(gateway: Suite) -> None:
    """BerriAI/litellm#18731: an expired key comes back in `param`, and from there into logs."""
    await mapped(gateway)
    states: dict[str, dict[str, Any]] = {
        "expired": {"expiresAt": "2026-01-01T00:00:00Z"},
        "disabled": {"isEnabled": False},
        "elsewhere": {"security": {"allowedIPs": ["203.0.113.0/24"]}},
        "another model's": {"allowedModels": ["other"]},
        "deleted": {},
    }
    for name, spec in states.items():
        made = await gateway.call("POST", "/api/virtual-keys", {"name": name, **spec})
        if name == "deleted":
            await gateway.call("DELETE", f"/api/virtual-keys/{made['id']}")
        await gateway.settled()
        headers = {"authorization": f"Bearer {made['key']}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers) as client:
            for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages"):
                answer = await client.post(path, json=CHAT | {"input": "x", "max_tokens": 9})
                assert answer.status_code in {401, 403, 404}, (name, answer.text)
                assert made["key"] not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "key",
    [
        "' OR '1'='1",
        "condt_' OR 1=1 --",
        "condt_x'; DROP TABLE virtual_keys; --",
        "condt_%",
        "condt_*",
        "condt_\x00",
        '{"$ne": null}',
        "None",
        "null",
        "undefined",
    ],
)
async def test_keys_are_no_statements(gateway: Suite, key: str) -> None:
    """CVE-2026-42208: a key is looked up by what it makes of a statement, before it is known."""
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"x-api-key": key},
        {"x-master-key": key},
        {"authorization": f"Bearer condt_admin_{key}"},
    ):
        async with httpx.AsyncClient(base_url=gateway.url) as client:
            for method, path in (("POST", "/v1/chat/completions"), ("GET", "/api/virtual-keys")):
                try:
                    answer = await client.request(method, path, json=CHAT, headers=headers)
                except httpx.LocalProtocolError:
                    continue
                # Who goes on guessing is slowed down.
                assert answer.status_code in {400, 401, 429}, answer.text


async def test_a_token_that_begins_like_anothers_is_nobodys(gateway: Suite) -> None:
    """CVE-2026-35030: who somebody is was kept by the first characters of a token."""
    owner = await gateway.call("POST", "/api/administrators", {"name": "long", "role": "Owner"})
    token = owner["token"]
    for text in (token[:20], token[:-1], token[:-1] + ("A" if token[-1] != "A" else "B")):
        headers = {"authorization": f"Bearer {text}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers) as client:
            for _ in range(2):
                assert (await client.get("/api/providers")).status_code == 401
                good = {"authorization": f"Bearer {token}"}
                assert (await client.get("/api/providers", headers=good)).status_code == 200


async def test_a_boundary_without_end_ends(gateway: Suite) -> None:
    """CVE-2024-8984, CVE-2024-53981: signs behind a form's last boundary are read one by one."""
    for signs in (b"-", b"\r", b"\n", b"\r\n", b"--x"):
        body = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\necho\r\n--x--'
        body += signs * (4_000_000 // len(signs))
        headers = {"content-type": "multipart/form-data; boundary=x"}
        async with gateway.caller() as client:
            answer = await client.post(
                "/v1/audio/transcriptions", content=body, headers=headers, timeout=60
            )
            assert 400 <= answer.status_code < 500, answer.text


async def test_the_master_key_opens_no_way_to_models(gateway: Suite) -> None:
    """An operator's key in a caller's place is a key that callers come to know."""
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        for headers in (
            {"authorization": f"Bearer {MASTER_KEY}"},
            {"x-master-key": MASTER_KEY},
            {"x-api-key": MASTER_KEY},
        ):
            answer = await client.post("/v1/chat/completions", json=CHAT, headers=headers)
            assert answer.status_code == 401
