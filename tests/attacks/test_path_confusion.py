"""Host and path confusion: two readers of a request that see two targets."""

import asyncio

import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

# With a virtual key, these must never come to where an administrator is.
TARGETS = (
    "/api/providers",
    "//api/providers",
    "///api/providers",
    "/./api/providers",
    "/v1/../api/providers",
    "/v1/%2e%2e/api/providers",
    "/v1/%2e%2e%2fapi/providers",
    "/v1/..%2fapi%2fproviders",
    "/v1/..;/api/providers",
    "/v1;/../api/providers",
    "/api%2fproviders",
    "/api%2Fproviders",
    "/%61pi/providers",
    "/%2561pi/providers",
    "/API/providers",
    "/api/Providers",
    "/api/providers/",
    "/api//providers",
    "/api/providers;v=1",
    "/api/providers%00",
    "/api/providers%20",
    "/api/providers%09",
    "/api/providers.json",
    "/api/providers?x=/v1/models",
    "/api/providers#/v1/models",
    "/v1/models/../../api/providers",
    "/v1/models/%2e%2e/%2e%2e/api/providers",
    "/v1/models%2f..%2f..%2fapi%2fproviders",
    "\\api\\providers",
    "/v1\\..\\api\\providers",
    "http://127.0.0.1/api/providers",
    "http://other.example/api/providers",
    "https://other.example/api/providers",
    "http://other.example@127.0.0.1/api/providers",
    "/v1/models:/api/providers",
    "/api/virtual-keys",
    "/api/audit-log",
    "/api/config",
)
# What proxies and frameworks take for the target, the caller or the method.
FIELDS = (
    "X-Original-URL: /health",
    "X-Rewrite-URL: /health",
    "X-HTTP-Method-Override: OPTIONS",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Host: localhost",
    "Forwarded: for=127.0.0.1",
    "X-Real-IP: 127.0.0.1",
    "X-Conduit-Peer: 127.0.0.1",
    "X-Conduit-Service-Token: x",
    "X-Conduit-Role: Owner",
    "X-Conduit-Client-Certificate: admin",
)


async def answer_to(suite: Suite, target: str, *fields: str, method: str = "GET") -> bytes:
    """Send a request byte by byte as it stands here; return the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", suite.bridge.port)
    lines = (
        f"{method} {target} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {suite.virtual_key}",
        "Connection: close",
        *fields,
    )
    writer.write("\r\n".join((*lines, "", "")).encode("latin-1"))
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


async def test_no_spelling_of_a_path_opens_the_administration(guarded: Suite) -> None:
    """Each is refused, by its route or for having none; nothing of the configuration is told."""
    await guarded.call("POST", "/api/providers", {"name": "telltale", "providerType": "OpenAI"})
    for target in TARGETS:
        answer = await answer_to(guarded, target)
        status = int(answer.split()[1])
        assert status in {400, 401, 403, 404, 405}, (target, answer[:200])
        assert b"telltale" not in answer


async def test_no_field_opens_the_administration(guarded: Suite) -> None:
    """Whatever it says of the target, the method, the caller or their role."""
    for field in FIELDS:
        answer = await answer_to(guarded, "/api/providers", field)
        assert int(answer.split()[1]) in {400, 401, 403}, (field, answer[:200])


async def test_a_name_of_the_host_decides_nothing(guarded: Suite) -> None:
    """A gateway has one set of routes, whoever it is called; none, and two, are refused."""
    for host in ("localhost", "127.0.0.1", "api.internal", "x/../y", "a" * 300):
        reader, writer = await asyncio.open_connection("127.0.0.1", guarded.bridge.port)
        head = f"GET /api/providers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        assert int(answer.split()[1]) in {400, 401}, (host, answer[:200])
    for hosts in ("", "Host: a\r\nHost: b\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", guarded.bridge.port)
        writer.write(f"GET /health HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        assert int(answer.split()[1]) == 400


async def test_no_method_opens_what_another_may_not(guarded: Suite) -> None:
    """As where only the usual ones are guarded."""
    for method in ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "PUT", "DELETE", "X"):
        answer = await answer_to(guarded, "/api/providers/1", method=method)
        status = int(answer.split()[1])
        assert status in {204, 400, 401, 403, 404, 405, 501}, (method, answer[:200])
        assert b"telltale" not in answer
        if status == 204:
            assert method == "OPTIONS"
