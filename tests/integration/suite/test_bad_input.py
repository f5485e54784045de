"""Bad input: the right status, the right code, a hint, and nothing changed."""

from typing import Any

import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN = [
    # In order: method, path, body, status, code, field.
    ("POST", "/api/providers", {"providerType": "OpenAI"}, 400, "INVALID_REQUEST", "name"),
    ("POST", "/api/providers", {"name": "x"}, 400, "INVALID_REQUEST", "providerType"),
    (
        "POST",
        "/api/providers",
        {"name": "x", "providerType": "OpenIA"},
        400,
        "PROVIDER_TYPE_UNKNOWN",
        "providerType",
    ),
    (
        "POST",
        "/api/providers",
        {"name": "x" * 10_000, "providerType": "OpenAI"},
        400,
        "INVALID_REQUEST",
        "name",
    ),
    (
        "POST",
        "/api/providers",
        {"name": "x", "providerType": "OpenAI", "weight": -1},
        400,
        "INVALID_REQUEST",
        "weight",
    ),
    (
        "POST",
        "/api/providers",
        {"name": "x", "providerType": "OpenAI", "weight": "heavy"},
        400,
        "INVALID_REQUEST",
        "weight",
    ),
    (
        "POST",
        "/api/providers",
        {"name": "x", "providerType": "OpenAI", "isEnabled": "yes"},
        400,
        "INVALID_REQUEST",
        "isEnabled",
    ),
    (
        "POST",
        "/api/providers",
        {"name": "x", "providerType": "OpenAI", "enabled": True},
        400,
        "INVALID_REQUEST",
        "enabled",
    ),
    (
        "POST",
        "/api/providers",
        {"name": "x", "providerType": "OpenAI", "baseUrl": "ftp://example.com"},
        400,
        "INVALID_REQUEST",
        "baseUrl",
    ),
    ("POST", "/api/providers", b"{not json", 400, "MALFORMED_JSON", None),
    ("POST", "/api/providers", b"", 400, None, None),
    ("POST", "/api/providers", b"[1]", 400, None, None),
    ("GET", "/api/providers/999", None, 404, "PROVIDER_NOT_FOUND", None),
    ("GET", "/api/providers/abc", None, 400, "INVALID_REQUEST", "id"),
    ("GET", "/api/providers/1/keys/key_999", None, 404, "KEY_NOT_FOUND", None),
    ("GET", "/api/model-provider-mappings/999", None, 404, "MAPPING_NOT_FOUND", None),
    ("GET", "/api/fallback-chains/999", None, 404, "FALLBACK_CHAIN_NOT_FOUND", None),
    ("GET", "/api/virtual-keys/999", None, 404, "VIRTUAL_KEY_NOT_FOUND", None),
    ("GET", "/api/model-costs/999", None, 404, "MODEL_COST_NOT_FOUND", None),
    (
        "POST",
        "/api/model-provider-mappings",
        {"modelAlias": "a", "providerId": 999},
        404,
        "PROVIDER_NOT_FOUND",
        None,
    ),
    (
        "POST",
        "/api/model-provider-mappings",
        {"modelAlias": "taken", "providerId": 1},
        409,
        "ALREADY_EXISTS",
        None,
    ),
    (
        "POST",
        "/api/fallback-chains",
        {"modelAlias": "a", "providers": [{"providerId": 1, "timeout": "soon"}]},
        400,
        "INVALID_REQUEST",
        None,
    ),
    ("POST", "/api/providers/1/keys", {"apiKey": ""}, 400, "INVALID_REQUEST", "apiKey"),
    (
        "POST",
        "/api/model-costs",
        {"modelPattern": "x", "inputCostPer1kTokens": -1, "outputCostPer1kTokens": 1},
        400,
        "INVALID_REQUEST",
        "inputCostPer1kTokens",
    ),
    ("GET", "/api/usage/costs?groupBy=colour", None, 400, "INVALID_REQUEST", "groupBy"),
    ("GET", "/api/usage/costs?startDate=yesterday", None, 400, "INVALID_REQUEST", "startDate"),
    ("GET", "/api/providers?pageSize=100000", None, 400, "INVALID_REQUEST", "pageSize"),
    ("GET", "/api/providers?colour=red", None, 400, "INVALID_REQUEST", "colour"),
    ("POST", "/api/routes/explain", {}, 400, "INVALID_REQUEST", "model"),
    ("GET", "/api/nothing", None, 404, "ROUTE_NOT_FOUND", None),
    ("DELETE", "/api/providers", None, 405, "METHOD_NOT_ALLOWED", None),
]


async def settings(suite: Suite) -> Any:  # noqa: ANN401 # JSON
    """Return the whole configuration."""
    if not (await suite.call("GET", "/api/providers"))["providers"]:
        await suite.add_simulator("taken", "echo")
        await suite.settled()
    return await suite.call("GET", "/api/config")


@pytest.mark.parametrize(("method", "path", "body", "status", "code", "field"), ADMIN)
async def test_the_admin_api_refuses(
    suite: Suite,
    method: str,
    path: str,
    body: object,
    status: int,
    code: str | None,
    field: str | None,
) -> None:
    """Status, code, a message, a hint and the field; the configuration is as before."""
    before = await settings(suite)
    options: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    if body is None:
        options = {}
    async with suite.admin() as client:
        answer = await client.request(method, path, **options)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code or told["code"]), told
    assert told["error"]
    assert told["hint"]
    if field is not None:
        assert told["field"] == field
    assert await settings(suite) == before


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "MASTER_KEY_MISSING"), ({"X-Master-Key": "wrong"}, "MASTER_KEY_INVALID")],
)
async def test_the_admin_api_wants_the_master_key(
    suite: Suite, headers: dict[str, str], code: str
) -> None:
    """401, whatever is asked for."""
    async with suite.admin() as client:
        client.headers.pop("X-Master-Key")
        answer = await client.get("/api/providers", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize("path", ["/api/providers", "/v1/chat/completions"])
async def test_a_body_of_70_megabytes_is_refused(suite: Suite, path: str) -> None:
    """413 with the limit, and the connection's answer is seen."""
    async with suite.admin() as client:
        answer = await client.post(
            path,
            content=b'{"name":"' + b"x" * 70_000_000 + b'"}',
            headers={"Authorization": f"Bearer {suite.virtual_key}"},
        )
    assert answer.status_code == 413
    assert "REQUEST_TOO_LARGE" in answer.text.upper()


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "malformed_json", None),
        (b"[]", 400, "invalid_request", None),
        (b'{"messages":[{"role":"user","content":"x"}]}', 400, "invalid_request", "model"),
        (b'{"model":"taken"}', 400, "invalid_request", "messages"),
        (b'{"model":"taken","messages":[]}', 400, "invalid_request", "messages"),
        (b'{"model":7,"messages":[{}]}', 400, "invalid_request", "model"),
        (
            b'{"model":"none-such","messages":[{"role":"user","content":"x"}]}',
            404,
            "model_not_found",
            None,
        ),
    ],
)
async def test_the_openai_api_refuses(
    suite: Suite, body: bytes, status: int, code: str, param: str | None
) -> None:
    """OpenAI's error object, with the parameter."""
    await settings(suite)
    async with suite.caller() as client:
        answer = await client.post("/v1/chat/completions", content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    if param:
        assert error["param"] == param


async def test_an_unreachable_base_url_is_told(suite: Suite) -> None:
    """The test says unreachable; a chat answers 502, within seconds."""
    number = await suite.add_simulator("nowhere", "echo", baseUrl="http://127.0.0.1:1/v1")
    await suite.settled()
    report = await suite.call("POST", f"/api/providers/{number}/test")
    assert (report["success"], report["outcome"]) == (False, "unreachable")
    async with suite.caller() as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={"model": "nowhere", "messages": [{"role": "user", "content": "x"}]},
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_unreachable")


async def test_the_process_survives_all_of_it(suite: Suite) -> None:
    """And still serves."""
    await settings(suite)
    async with suite.caller() as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={"model": "taken", "messages": [{"role": "user", "content": "still there"}]},
        )
    assert answer.json()["choices"][0]["message"]["content"] == "still there"


FILLED: dict[str, dict[str, object]] = {
    "/api/providers": {"name": "x", "providerType": "OpenAI"},
    "/api/providers/{providerId}/keys": {"apiKey": "sk-any"},
    "/api/model-provider-mappings": {"modelAlias": "x", "providerId": 1},
    "/api/fallback-chains": {"modelAlias": "x"},
    "/api/model-costs": {
        "modelPattern": "x",
        "inputCostPer1kTokens": 1,
        "outputCostPer1kTokens": 1,
    },
    "/api/virtual-keys": {"name": "x"},
    "/api/webhooks": {"url": "https://example.com/hook"},
    "/v1/chat/completions": {"model": "x", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/embeddings": {"model": "x", "input": "hi"},
    "/v1/rerank": {"model": "x", "query": "hi", "documents": ["hi"]},
    "/v1/tokenize": {"model": "x", "prompt": "hi"},
    "/v1/moderations": {"model": "x", "input": "hi"},
    "/v1/completions": {"model": "x", "prompt": "hi"},
    "/v1/images/generations": {"model": "x", "prompt": "hi"},
    "/v1/images/edits": {"model": "x", "prompt": "hi", "images": [{"file_id": "file-1"}]},
    "/api/announcements": {"message": "hi"},
}


async def test_what_the_document_requires_is_required(suite: Suite) -> None:
    """Each member that `/openapi.json` says must be there, and the answer names it."""
    provider_id = await suite.add_simulator("required", "echo")
    async with suite.admin() as admin, suite.caller() as caller:
        document = (await admin.get("/openapi.json")).json()
        for path, filled in FILLED.items():
            media = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            for name in media["schema"]["required"]:
                body = {member: value for member, value in filled.items() if member != name}
                client = caller if path.startswith("/v1") else admin
                answer = await client.post(path.format(providerId=provider_id), json=body)
                assert answer.status_code == 400, (path, name, answer.text)
                told = answer.json()
                assert name == (told.get("field") or told["error"]["param"]), (path, name)
