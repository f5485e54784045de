"""What every answer has in common: ids, CORS, unknown paths and methods, sizes, the log."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs
from tests.integration.bridge.stage import ADMIN, CALLER, ScriptedRouter

from conduit_bridge import bootstrap
from conduit_kernel.settings import Settings

PATH = "/v1/chat/completions"


async def raw(port: int, request: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        writer.write(request)
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("given", ["a" * 129, "has space", "", "caf\xe9"])
async def test_insane_request_ids_are_replaced(
    http: httpx.AsyncClient, router: ScriptedRouter, given: str
) -> None:
    """Only up to 128 visible characters may enter logs and metadata."""
    headers = [(b"x-request-id", given.encode("latin-1"))]
    answer = await http.post(PATH, content=b"{}", headers=headers)
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-request-id"] == router.request_id


async def test_errors_carry_the_request_id(http: httpx.AsyncClient) -> None:
    """So that a caller can name what went wrong."""
    answer = await http.get("/api/providers/999", headers=ADMIN | {"x-request-id": "mine"})
    assert answer.headers["x-request-id"] == "mine"


async def test_unknown_paths_are_404_in_the_shape_of_their_family(
    http: httpx.AsyncClient,
) -> None:
    """`/v1` speaks OpenAI's dialect, everything else that of `/api`."""
    ours = await http.get("/api/nothing")
    theirs = await http.get("/v1/nothing")
    other = await http.get("/favicon.ico")
    assert [a.status_code for a in (ours, theirs, other)] == [404, 404, 404]
    assert ours.json()["code"] == other.json()["code"] == "ROUTE_NOT_FOUND"
    assert theirs.json()["error"]["code"] == "unknown_url"


async def test_long_paths_are_not_echoed_whole(http: httpx.AsyncClient) -> None:
    """Ten thousand characters come back as two hundred."""
    answer = await http.get("/api/" + "n" * 10_000)
    assert answer.status_code == 404
    assert len(answer.json()["error"]) < 300


async def test_paths_that_are_no_text_are_refused(http: httpx.AsyncClient) -> None:
    """An escaped byte that is not UTF-8 names nothing."""
    for method in ("GET", "PUT"):
        answer = await http.request(method, "/api/providers/%ff", content=b"{}", headers=ADMIN)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


async def test_unknown_methods_are_405_and_say_which_are_known(
    http: httpx.AsyncClient,
) -> None:
    """The Allow header lists what the path has."""
    answer = await http.delete(PATH)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert answer.json()["error"]["code"] == "method_not_supported"
    admin = await http.patch("/api/provider-types", headers=ADMIN)
    assert admin.headers["allow"] == "GET, HEAD, OPTIONS"
    assert admin.json()["code"] == "METHOD_NOT_ALLOWED"


async def test_a_browser_may_ask_before_it_sends(http: httpx.AsyncClient) -> None:
    """A preflight is answered without a key, with what was asked for."""
    headers = {
        "origin": "https://any.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-os",
    }
    answer = await http.options(PATH, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization, x-stainless-os"
    assert "access-control-allow-credentials" not in answer.headers


async def test_pages_may_read_answers_errors_and_reports(http: httpx.AsyncClient) -> None:
    """Errors too, or a page could not tell a wrong key from a broken network."""
    headers = {"origin": "https://any.example"}
    for path in ("/v1/models/m", "/v1/nothing"):
        answer = await http.get(path, headers=headers)
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"x-request-id", "x-conduit-provider", "x-conduit-cost"} <= set(exposed)


async def test_only_configured_origins_may_read(
    choosy_bridge: bootstrap.BridgeProcess,
) -> None:
    """Caches are told that the answer depends on who asks."""
    url = f"http://127.0.0.1:{choosy_bridge.port}"
    async with httpx.AsyncClient(base_url=url) as http:
        ours = await http.get("/v1/models/m", headers={"origin": "https://app.example"})
        theirs = await http.get("/v1/models/m", headers={"origin": "https://evil.example"})
    assert ours.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in theirs.headers
    assert ours.headers["vary"] == theirs.headers["vary"] == "origin"


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("path", [PATH, "/api/providers"])
async def test_a_body_of_20_mb_is_refused(
    http: httpx.AsyncClient, router: ScriptedRouter, path: str, *, is_chunked: bool
) -> None:
    """413 in the shape of the path's family, and nothing reaches a service."""
    body = b"x" * (20 * 1024 * 1024)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    content = chunks() if is_chunked else body
    answer = await http.post(path, content=content, headers=ADMIN | CALLER)
    assert answer.status_code == 413
    error = answer.json()
    received = error["error"] if path == PATH else error
    assert received["code"].upper() == "REQUEST_TOO_LARGE"
    assert received["hint"]
    assert not router.requests


async def test_what_is_not_http_is_refused_in_our_shape(
    bridge: bootstrap.BridgeProcess,
) -> None:
    """JSON with a code, also for bytes that make no sense."""
    answer = await raw(bridge.port, b"nonsense\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["code"] == "INVALID_REQUEST"


async def test_a_name_of_ten_thousand_characters_does_no_harm(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """It is a name like any other, and the model's fate to be found or not."""
    answer = await http.get("/v1/models/" + "m" * 10_000)
    assert answer.status_code == 200
    assert len(router.requests[0].model) == 10_000


async def test_every_request_is_one_line_in_the_log(
    settings: Settings, router: ScriptedRouter
) -> None:
    """Method, template, status, time and id; never a key, a query or a body."""
    with capture_logs() as lines:
        bridge = await bootstrap.start(settings, router=router)
        url = f"http://127.0.0.1:{bridge.port}"
        async with httpx.AsyncClient(base_url=url) as http:
            headers = {"authorization": "Bearer canary", "x-request-id": "r-1"}
            await http.post(PATH + "?q=canary", content=b'"canary"', headers=headers)
            await http.get("/api/providers/999?canary=1", headers={"x-master-key": "canary"})
        await bridge.drain(0.1)
    assert "canary" not in str(lines)
    first, second = [line for line in lines if line["event"] == "http_request"]
    assert first.pop("ms") >= 0
    assert first == {
        "event": "http_request",
        "log_level": "info",
        "method": "POST",
        "route": PATH,
        "status": 200,
        "request_id": "r-1",
    }
    assert (second["route"], second["code"]) == ("/api/providers/{id}", "MASTER_KEY_INVALID")
