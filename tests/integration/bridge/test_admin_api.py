"""The `/api` routes, with a real gRPC control service behind them."""

import json

import httpx
import pytest
from tests.integration.bridge.stage import (
    ADMIN,
    CALLER,
    MASTER_KEY,
    Registry,
    ScriptedRouter,
    soon,
    until,
)

from conduit.v1.registry_service_pb2_grpc import add_RegistryServiceServicer_to_server
from conduit_bridge import bootstrap
from conduit_kernel.rpc import RpcServer
from conduit_kernel.secrets import service_token
from conduit_kernel.settings import Settings


async def test_an_admin_route_reaches_its_service(
    http: httpx.AsyncClient, registry: Registry
) -> None:
    """JSON becomes the request message, the response message becomes JSON, created is 201."""
    body = {"name": "OpenAI Production", "providerType": "OpenAI", "weight": 3}
    answer = await http.post("/api/providers", json=body, headers=ADMIN)
    assert (answer.status_code, answer.json()["name"]) == (201, "OpenAI Production")
    assert answer.headers["content-type"] == "application/json"
    assert registry.created[0].provider.weight == 3


async def test_an_empty_answer_has_no_body(http: httpx.AsyncClient) -> None:
    """A response message without fields is a 204."""
    answer = await http.delete("/api/providers/1", headers=ADMIN)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_head_is_get_without_a_body(http: httpx.AsyncClient) -> None:
    """HEAD has the length of the body that GET would send."""
    whole = await http.get("/api/providers/1", headers=ADMIN)
    head = await http.head("/api/providers/1", headers=ADMIN)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


async def test_not_found_reads_as_the_seed_says(http: httpx.AsyncClient) -> None:
    """The error of a service arrives with its own status, message, code and hint."""
    answer = await http.get("/api/providers/999", headers=ADMIN)
    assert answer.status_code == 404
    assert list(answer.json().items()) == [
        ("error", "Provider with ID 999 not found"),
        ("code", "PROVIDER_NOT_FOUND"),
        ("hint", "List the providers with GET /api/providers."),
    ]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MASTER_KEY_MISSING"),
        ({"x-master-key": "wrong"}, "MASTER_KEY_INVALID"),
        ({"x-master-key": "gr\xfc\xdf".encode("latin-1")}, "MASTER_KEY_INVALID"),
        ({"authorization": f"Bearer {MASTER_KEY}"}, "MASTER_KEY_MISSING"),
    ],
)
async def test_admin_routes_want_the_master_key(
    http: httpx.AsyncClient, registry: Registry, headers: dict[str, str], code: str
) -> None:
    """Without it nothing is read or asked, whatever the body says."""
    answer = await http.post("/api/providers", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert not registry.created


@pytest.mark.parametrize(
    ("body", "received"),
    [
        (b"{", ("MALFORMED_JSON", None, "position")),
        (b"\xff", ("MALFORMED_JSON", None, "position 0")),
        (b"[]", ("INVALID_REQUEST", None, "an object")),
        (b'{"name": 3}', ("INVALID_REQUEST", "name", "must be a string")),
        (b'{"weight": "heavy"}', ("INVALID_REQUEST", "weight", "whole number")),
        (b'{"baseURL": "x"}', ("INVALID_REQUEST", "baseURL", 'did you mean "baseUrl"?')),
        (
            b'{"security": {"requireMTLS": 1}}',
            ("INVALID_REQUEST", "security.requireMTLS", "true or false"),
        ),
    ],
)
async def test_bad_bodies_are_told_where_they_are_bad(
    http: httpx.AsyncClient, registry: Registry, body: bytes, received: tuple[str, str | None, str]
) -> None:
    """Status 400, the place in field and message, a hint, and nothing reaches a service."""
    answer = await http.post("/api/providers", content=body, headers=ADMIN)
    error = answer.json()
    assert (answer.status_code, error["code"], error.get("field")) == (400, *received[:2])
    assert received[2] in error["error"]
    assert error["hint"]
    assert not registry.created


async def test_path_and_query_are_checked_too(http: httpx.AsyncClient) -> None:
    """An id that is no number and a parameter that nobody knows are the caller's errors."""
    wrong_id = await http.get("/api/providers/abc", headers=ADMIN)
    unknown = await http.get("/api/providers/1?verbose=1", headers=ADMIN)
    crowded = await http.get("/api/providers?" + "a=1&" * 200, headers=ADMIN)
    assert [a.status_code for a in (wrong_id, unknown, crowded)] == [400, 400, 400]
    assert (wrong_id.json()["field"], unknown.json()["field"]) == ("id", "verbose")


async def test_compressed_bodies_are_refused_plainly(http: httpx.AsyncClient) -> None:
    """Rather than called malformed JSON."""
    headers = ADMIN | {"content-encoding": "gzip"}
    answer = await http.post("/api/providers", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (400, "content-encoding")


async def test_a_service_that_is_away_is_a_503(http: httpx.AsyncClient) -> None:
    """Nobody listens where billing should be."""
    answer = await http.get("/api/model-costs", headers=ADMIN)
    error = answer.json()
    assert (answer.status_code, error["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert error["error"] == "The billing service cannot be reached"


async def test_a_service_that_stops_and_returns_is_found_again(
    http: httpx.AsyncClient, control: RpcServer, registry: Registry
) -> None:
    """While it is away its routes answer 503; the bridge itself goes on, and needs no restart."""
    assert (await http.get("/api/providers/1", headers=ADMIN)).status_code == 200
    await control.drain(0)
    assert (await http.get("/api/providers/1", headers=ADMIN)).status_code == 503
    assert (await http.get("/health/live")).status_code == 200
    again = RpcServer(name="control", master_key=MASTER_KEY)
    add_RegistryServiceServicer_to_server(registry, again.grpc)
    await again.start("127.0.0.1", control.port)

    async def is_back() -> bool:
        return (await http.get("/api/providers/1", headers=ADMIN)).status_code == 200

    await until(is_back)
    await again.drain(0)


async def test_a_service_that_hangs_is_given_up(
    settings: Settings,
    router: ScriptedRouter,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control calls are bounded; a caller waits no longer than that."""
    monkeypatch.setattr(bootstrap, "CONTROL_SECONDS", 0.2)
    registry.hangs = True
    bridge = await bootstrap.start(settings, router=router)
    url = f"http://127.0.0.1:{bridge.port}"
    async with httpx.AsyncClient(base_url=url, timeout=5) as http:
        answer = await http.get("/api/providers/1", headers=ADMIN)
    await bridge.drain(0.1)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


async def test_a_caller_that_leaves_ends_the_call_at_the_service(
    http: httpx.AsyncClient, registry: Registry
) -> None:
    """Nothing goes on working for somebody who is gone."""
    registry.hangs = True
    with pytest.raises(httpx.ReadTimeout):
        await http.get("/api/providers/1", headers=ADMIN, timeout=0.2)
    await soon(registry.ended)


async def test_services_get_the_caller_s_id_and_nothing_else_of_it(
    http: httpx.AsyncClient, registry: Registry
) -> None:
    """Credentials, request id and address travel; other headers stay at the edge."""
    headers = ADMIN | {"x-request-id": "abc-123", "x-secret": "s", "cookie": "c"}
    answer = await http.get("/api/providers/1", headers=headers)
    assert answer.headers["x-request-id"] == "abc-123"
    ours = {k: v for k, v in registry.metadata.items() if k != "user-agent"}
    assert ours == {
        **CALLER,
        "x-master-key": MASTER_KEY,
        "x-request-id": "abc-123",
        "x-conduit-peer": "127.0.0.1",
        "x-conduit-service-token": service_token(bytes(32)),
    }


async def test_openapi_describes_the_routes(http: httpx.AsyncClient) -> None:
    """The document is served as it was generated."""
    document = json.loads((await http.get("/openapi.json")).content)
    assert document["openapi"].startswith("3.1")
    assert "/v1/chat/completions" in document["paths"]
