"""The OpenAPI document describes every route."""

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import orjson
import pytest
from tests.contract.converters import snake

from conduit.v1.failures import FAILURES
from conduit.v1.http_routes import ROUTES, Route
from conduit.v1.options_pb2 import ACCESS_MASTER_KEY, DIALECT_OPENAI

# Any: JSON.
DOCUMENT: Any = orjson.loads(files("conduit.v1").joinpath("openapi.json").read_bytes())
SCHEMAS = DOCUMENT["components"]["schemas"]


def operation(route: Route) -> Any:  # noqa: ANN401 - JSON
    """Return the operation of a route."""
    names = {
        snake(name): name for path in DOCUMENT["paths"] for name in re.findall(r"{(\w+)}", path)
    }
    path = re.sub(r"{(\w+)(?:=\*\*)?}", lambda m: f"{{{names[m[1]]}}}", route.path)
    return DOCUMENT["paths"][path][route.verb.lower()]


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.rpc} {r.verb}")
def test_every_route_is_described(route: Route) -> None:
    """With its tag, its key, its answer and its errors."""
    found = operation(route)
    assert found["tags"] == [route.service]
    key = "masterKey" if route.access == ACCESS_MASTER_KEY else "virtualKey"
    assert found["security"] == [{key: []}]
    error = "OpenAiError" if route.dialect == DIALECT_OPENAI else "AdminError"
    assert found["responses"]["default"] == {"$ref": f"#/components/responses/{error}"}
    status = "101" if route.rpc == "Converse" else str(route.success_status)
    success = found["responses"][status]
    if route.media_type and route.media_type_of is None and route.rpc != "Converse":
        assert route.media_type.decode() in success["content"]


def test_nothing_else_is_described() -> None:
    """Each operation belongs to a route."""
    operations = [item for path in DOCUMENT["paths"].values() for item in path.values()]
    assert all(operation(route) in operations for route in ROUTES)
    assert len(operations) == len({(route.verb, route.path) for route in ROUTES})
    assert len({item["operationId"] for item in operations}) == len(operations)


def references(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the references in a document."""
    if isinstance(value, dict):
        if isinstance(target := value.get("$ref"), str):
            yield target
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_references_lead_somewhere() -> None:
    """And every component is referred to."""
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        target = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            target = target[name]
    for kind in ("schemas", "responses", "headers"):
        for name in DOCUMENT["components"][kind]:
            assert f"#/components/{kind}/{name}" in found


def test_one_operation_answers_whole_or_in_events() -> None:
    """`stream` in the body chooses between a chat's two answers."""
    content = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert {
        name: media["schema"]["$ref"].rpartition("/")[2] for name, media in content.items()
    } == {
        "application/json": "ChatCompletion",
        "text/event-stream": "ChatCompletionChunk",
    }


def test_bodies_are_described_in_each_of_their_types() -> None:
    """A form's files are bytes, under the names that a form gives them; JSON has its own."""
    edits = DOCUMENT["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]
    assert edits.keys() == {"application/json", "multipart/form-data"}
    form = edits["multipart/form-data"]["schema"]["properties"]
    assert form["image"]["items"]["contentMediaType"] == "application/octet-stream"
    assert form["mask"]["contentMediaType"] == "application/octet-stream"
    assert "images" in SCHEMAS["ImageEditRequest"]["properties"]
    words = DOCUMENT["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]
    assert words.keys() == {"multipart/form-data"}
    assert words["multipart/form-data"]["schema"]["properties"]["file"]["contentMediaType"]


@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("/v1/audio/speech", {"*/*", "text/event-stream"}),
        ("/v1/audio/transcriptions", {"application/json", "text/*", "text/event-stream"}),
        ("/v1/audio/translations", {"application/json", "text/*"}),
        ("/v1/images/edits", {"application/json", "text/event-stream"}),
    ],
)
def test_answers_are_described_in_each_of_their_types(path: str, types: set[str]) -> None:
    """Whole, as a document of another type, and in events."""
    operation = DOCUMENT["paths"][path]["post"]
    assert operation["responses"]["200"]["content"].keys() == types


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/live/sessions"])
def test_sessions_are_described(path: str) -> None:
    """The handshake as OpenAPI can, and what follows beside it."""
    operation = DOCUMENT["paths"][path]["get"]
    assert operation["responses"].keys() == {"101", "default"}
    names = {
        side: [ref["$ref"].rpartition("/")[2] for ref in messages["anyOf"]]
        for side, messages in operation["x-websocket"].items()
    }
    assert names == {
        "client": ["RealtimeClientEvent", "LiveClientEvent"],
        "server": ["RealtimeServerEvent", "LiveServerEvent"],
    }
    parameters = [p["name"] for p in operation["parameters"]]
    assert "model" in parameters
    assert {"protocol", "events"}.isdisjoint(parameters)


def test_events_are_described_flat() -> None:
    """Their members stand beside their type; one of another type is an event, too."""
    *known, other = SCHEMAS["ImageEvent"]["anyOf"]
    assert [event["title"] for event in known][:1] == ["image_generation.partial_image"]
    kind, members = known[0]["allOf"]
    assert kind["properties"] == {"type": {"const": "image_generation.partial_image"}}
    assert members == {"$ref": "#/components/schemas/PartialImage"}
    assert other["additionalProperties"] is True


def test_parameters_are_described() -> None:
    """Path, query and header parameters, by their names in HTTP."""
    health = DOCUMENT["paths"]["/api/providers/{providerId}/health/history"]["get"]["parameters"]
    assert [(p["name"], p["in"]) for p in health] == [
        ("providerId", "path"),
        ("hours", "query"),
        ("pageSize", "query"),
        ("pageToken", "query"),
    ]
    update = DOCUMENT["paths"]["/api/providers/{id}"]["put"]["parameters"]
    assert [(p["name"], p["in"]) for p in update] == [("id", "path"), ("if-match", "header")]
    chat = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["parameters"]
    assert ("x-conduit-timeout", "header") in [(p["name"], p["in"]) for p in chat]


def test_schemas_are_spelled_as_json_is() -> None:
    """`/api` has camelCase and PascalCase, `/v1` snake_case, both the contract's own names."""
    assert {"allowedIPs", "requireMTLS"} <= SCHEMAS["ProviderSecurity"]["properties"].keys()
    assert "Healthy" in SCHEMAS["HealthStatus"]["enum"]
    assert "tool_calls" in SCHEMAS["FinishReason"]["enum"]
    assert SCHEMAS["ModelCost"]["properties"]["inputCostPer1kTokens"]["type"] == "number"
    assert SCHEMAS["KeyCredentialSpec"]["properties"]["apiKey"]["writeOnly"]
    assert SCHEMAS["ProviderSpec"]["additionalProperties"] is False
    assert SCHEMAS["ProviderSpec"]["properties"]["description"]["type"] == ["string", "null"]
    assert "additionalProperties" not in SCHEMAS["ChatCompletionRequest"]


def test_choices_are_described() -> None:
    """A part of a message is one of its kinds, told by `type`."""
    kinds = [kind["properties"]["type"]["const"] for kind in SCHEMAS["ContentPart"]["oneOf"]]
    assert kinds == ["text", "image_url", "input_audio", "file", "refusal", "video_url"]
    content = SCHEMAS["ChatMessage"]["properties"]["content"]["oneOf"]
    assert [c["type"] for c in content] == ["string", "array", "null"]


def test_every_error_reason_is_explained() -> None:
    """The table of reasons has a row for each."""
    reasons = SCHEMAS["ErrorReason"]
    assert reasons["enum"] == [name for name in FAILURES if name != "UNSPECIFIED"]
    for name in reasons["enum"]:
        assert f"\n| {name} | {FAILURES[name].http_status} |" in reasons["description"]


REQUIRED = {
    "/api/providers": ["name", "providerType"],
    "/api/providers/{providerId}/keys": ["apiKey"],
    "/api/model-provider-mappings": ["modelAlias", "providerId"],
    "/api/fallback-chains": ["modelAlias"],
    "/api/model-costs": ["modelPattern"],
    "/api/virtual-keys": ["name"],
    "/api/webhooks": ["url"],
    "/v1/chat/completions": ["model", "messages"],
    "/v1/embeddings": ["model", "input"],
    "/v1/rerank": ["model", "query", "documents"],
}


@pytest.mark.parametrize("path", REQUIRED)
def test_what_has_to_be_there_is_described(path: str) -> None:
    """Where something is made, or a call is sent: a test of the suite holds the services to it."""
    body = DOCUMENT["paths"][path]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["required"] == REQUIRED[path]


def test_a_change_may_leave_out_what_it_leaves_alone() -> None:
    """As a PUT with a part of the members changes those."""
    for path, operations in DOCUMENT["paths"].items():
        for verb in operations.keys() & {"put", "patch"}:
            body = operations[verb].get("requestBody", {"content": {}})["content"]
            for media in body.values():
                if path != "/api/config":
                    assert "required" not in media["schema"], path


def test_pages_have_their_bounds() -> None:
    """Those that the services check, so that who fuzzes by the document is not refused for them."""
    sizes = [
        parameter["schema"]
        for operations in DOCUMENT["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "pageSize"
    ]
    assert len(sizes) > 5
    assert all(size["minimum"] == 0 and size["maximum"] >= 1000 for size in sizes)
    weight = SCHEMAS["ProviderSpec"]["properties"]["weight"]
    assert (weight["minimum"], weight["maximum"]) == (0, 1_000_000)
    assert DOCUMENT["servers"] == [{"url": "/"}]
