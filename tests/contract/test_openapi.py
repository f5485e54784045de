"""The OpenAPI document describes every route."""

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import orjson
import pytest
from tests.contract.converters import snake
from tools.conduit_codegen.contract import (
    Binding,
    Contract,
    Dialect,
    Enum,
    EnumValue,
    FailureOptions,
    Rpc,
)
from tools.conduit_codegen.openapi_errors import error_references, error_responses

from conduit.v1.failures import FAILURES
from conduit.v1.http_routes import ROUTES, Route
from conduit.v1.methods import METHODS
from conduit.v1.options_pb2 import (
    ACCESS_ADMINISTRATOR,
    DIALECT_ADMIN,
    DIALECT_ANTHROPIC,
    DIALECT_GOOGLE,
    DIALECT_OPENAI,
    DIALECT_RESPONSES,
)
from conduit_kernel.roles import name_of

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


def expected_security(route: Route) -> list[dict[str, list[str]]]:
    """Return the credentials that a route takes."""
    if route.access != ACCESS_ADMINISTRATOR:
        return [{"virtualKey": []}]
    role = METHODS[f"/conduit.v1.{route.service}/{route.rpc}"].role
    return [{"masterKey": []}, {"administratorToken": [name_of(role)]}]


# Held over WebSockets.
SESSIONS = {"Converse", "HoldResponses"}
# How each dialect writes its errors.
FAMILIES = {
    DIALECT_ADMIN: "AdminError",
    DIALECT_OPENAI: "OpenAiError",
    DIALECT_ANTHROPIC: "AnthropicError",
    DIALECT_RESPONSES: "OpenAiError",
    DIALECT_GOOGLE: "GoogleError",
}


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.rpc} {r.verb}")
def test_every_route_is_described(route: Route) -> None:
    """With its tag, its key, its answer and its errors."""
    found = operation(route)
    assert found["tags"] == [route.service]
    assert found["security"] == expected_security(route)
    # What a header chooses is described with its twin.
    error = FAMILIES[DIALECT_OPENAI if route.chosen_by_header else route.dialect]
    assert found["responses"]["default"] == {"$ref": f"#/components/responses/{error}"}
    family, statuses = found["responses"], {status for status in found["responses"] if status > "4"}
    assert {"401", "503", "504", "default"} <= statuses
    for status in statuses - {"default"}:
        assert family[status] == {"$ref": f"#/components/responses/{error}{status}"}
    status = "101" if route.rpc in SESSIONS else str(route.success_status)
    success = found["responses"][status]
    if route.media_type and route.media_type_of is None and route.rpc not in SESSIONS:
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


@pytest.mark.parametrize("top", ["/v1", "/v1beta"])
def test_googles_streams_are_arrays_or_events(top: str) -> None:
    """The query chooses, whose `alt` is Google's."""
    path = f"{top}/models/{{model}}:streamGenerateContent"
    content = DOCUMENT["paths"][path]["post"]["responses"]["200"]["content"]
    piece = {"$ref": "#/components/schemas/GeneratedContent"}
    assert {name: media["schema"] for name, media in content.items()} == {
        "application/json": {"type": "array", "items": piece},
        "text/event-stream": piece,
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
    assert {"101", "404", "default"} <= operation["responses"].keys()
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
    assert SCHEMAS["ModelCost"]["properties"]["inputCostPer1kTokens"]["type"] == ["number", "null"]
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
    "/v1/moderations": ["input"],
    "/v1/tokenize": ["model"],
    "/v1/completions": ["model", "prompt"],
    "/v1/images/generations": ["model", "prompt"],
    "/v1/images/edits": ["model", "prompt", "images"],
    "/api/announcements": ["message"],
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


def test_errors_are_described_by_status() -> None:
    """With the reasons that have it; only where there can be one."""
    responses = DOCUMENT["components"]["responses"]
    assert "PROVIDER_NOT_FOUND" in responses["AdminError404"]["description"]
    chats = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["responses"]
    listed = DOCUMENT["paths"]["/v1/models"]["get"]["responses"]
    changed = DOCUMENT["paths"]["/api/providers/{id}"]["put"]["responses"]
    assert "413" in chats
    assert {"400", "404", "413"}.isdisjoint(listed)
    assert {"409", "412"} <= changed.keys()
    for name, response in responses.items():
        status = re.sub(r"^[A-Za-z]+", "", name)
        reasons = re.findall(r"[A-Z]+(?:_[A-Z]+)+", response["description"]) if status else []
        assert all(str(FAILURES[reason].http_status) == status for reason in reasons)


def described(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 # JSON
    """Yield all descriptions with the schemas that they are of."""
    if isinstance(value, dict):
        if isinstance(text := value.get("description"), str):
            yield text, value.get("schema", value)
        for item in value.values():
            yield from described(item)
    elif isinstance(value, list):
        for item in value:
            yield from described(item)


def test_ranges_that_comments_tell_are_those_that_are_checked() -> None:
    """The option `limits` has them, from which the document's bounds and the checks come."""
    told = re.compile(r"from ([0-9][0-9,]*) to ([0-9][0-9,]*)\b(?:\. (Zero) means)?")
    found = 0
    for text, schema in described(DOCUMENT):
        kinds = schema.get("type", ())
        kinds = {kinds} if isinstance(kinds, str) else {*kinds}
        if (match := told.search(text)) and kinds & {"integer", "number"}:
            least, most = (int(match[each].replace(",", "")) for each in (1, 2))
            bounds = schema.get("minimum"), schema.get("maximum")
            assert bounds == (0 if match[3] else least, most), text
            found += 1
    assert found > 20


def test_a_status_without_a_reason_is_no_answer() -> None:
    """It is left out where answers are described, and where operations refer to them."""
    known = FailureOptions(code=3, http_status=400, openai_type="invalid_request_error", hint="")
    name = "conduit.v1.ErrorReason"
    values = (EnumValue(name="ERROR_REASON_INVALID_REQUEST", number=1, failure=known),)
    enum = Enum(name="ErrorReason", full_name=name, file="error_reason.proto", values=values)
    contract = Contract(package="conduit.v1", files=(), messages={}, enums={name: enum})
    described = error_responses(contract)
    families = set(FAMILIES.values())
    assert set(described) == families | {f"{family}400" for family in families}
    binding = Binding(verb="POST", path="/v1/things", body="*")
    rpc = Rpc(
        name="MakeThing",
        service="Things",
        request="",
        response="",
        client_streaming=False,
        server_streaming=False,
        idempotent=False,
        access="ACCESS_VIRTUAL_KEY",
        role="ROLE_UNSPECIFIED",
        dialect=Dialect.OPENAI,
        framing="",
        success_status=0,
        chosen_by="",
        chosen_by_header="",
        form="",
        start="",
        presets=(),
        max_body_bytes=0,
        bindings=(binding,),
    )
    assert set(error_references(contract, rpc, binding, ["model"])) == {"400", "default"}


def test_limits_are_described() -> None:
    """Of texts, lists, durations and amounts of money; what must be there cannot be null."""
    provider = SCHEMAS["ProviderSpec"]["properties"]
    name = provider["name"]
    assert (name["type"], name["minLength"], name["maxLength"]) == ("string", 1, 200)
    for text, is_taken in (("a b", True), (" \u00e9 ", True), ("  ", False), ("a\nb", False)):
        assert bool(re.search(name["pattern"], text)) is is_taken, text
    assert re.search(provider["description"]["pattern"], "a\nb\tc")
    assert not re.search(provider["description"]["pattern"], "a\0")
    chain = SCHEMAS["FallbackChainSpec"]["properties"]
    assert chain["providers"]["maxItems"] == 100
    budget = SCHEMAS["Hedging"]["properties"]["budget"]
    assert (budget["exclusiveMinimum"], budget["maximum"]) == (0, 1)
    amount = SCHEMAS["ModelCostSpec"]["properties"]["costPerUnit"]
    assert {"number", "string", "null"} == set(amount["type"])
    for text, is_taken in (("0.03", True), ("1000", True), ("1000.1", False), ("-1", False)):
        assert bool(re.search(amount["pattern"], text)) is is_taken, text
    limit = SCHEMAS["Budget"]["properties"]["limitUsd"]
    for text, is_taken in (
        *(("0", False), ("0.0", False), ("00.000000", False), ("0.000000999", False)),
        *(("0.000001", True), ("0.0000010", True), ("10", True), ("1000000", True)),
    ):
        assert bool(re.search(limit["pattern"], text)) is is_taken, text


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        *((text, True) for text in ("0.000001s", "0.5s", "1s", "59.999999999s", "60s", "60.0s")),
        *((text, False) for text in ("0s", "0.0s", "0.0000009s", "60.1s", "61s", "100s", "-1s")),
    ],
)
def test_limits_of_durations_are_described(text: str, is_taken: bool) -> None:  # noqa: FBT001 # a parameter
    """More than nothing, and at most so many seconds."""
    pattern = SCHEMAS["FallbackChainSpec"]["properties"]["preferPrimaryFor"]["pattern"]
    assert bool(re.search(pattern, text)) is is_taken


def test_only_what_is_known_is_sent() -> None:
    """Objects in requests of `/api` are closed, and have no value that is never taken."""
    for name in ("ProviderSecurity", "HealthCheckPolicy", "Timeouts", "RetryPolicy"):
        assert SCHEMAS[name]["additionalProperties"] is False
    assert SCHEMAS["RetryPolicy"]["required"] == ["failure"]
    assert "Unspecified" not in SCHEMAS["FailureClass"]["enum"]
    assert SCHEMAS["AdministratorSpec"]["properties"]["role"]["not"] == {"const": "Unspecified"}


def test_what_answers_have_null_for_is_described() -> None:
    """As OpenAI writes `refusal`; and a query says what it must have."""
    assert SCHEMAS["ChatMessage"]["properties"]["refusal"]["type"] == ["string", "null"]
    parameters = DOCUMENT["paths"]["/api/providers/analytics"]["get"]["parameters"]
    needed = {each["name"] for each in parameters if each.get("required")}
    assert needed == {"providerId"}


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("", True),
        ("YQ==", True),
        ("YQ", True),
        ("YWI", True),
        ("_-+/", True),
        ("a", False),
        ("a!", False),
    ],
)
def test_bytes_are_described_as_base64(text: str, is_taken: bool) -> None:  # noqa: FBT001 # a parameter
    """In both alphabets, with padding or without."""
    content = SCHEMAS["FormFile"]["properties"]["content"]
    assert bool(re.search(content["pattern"], text)) is is_taken


def test_what_a_form_must_have_is_described() -> None:
    """By the names that its parts have."""
    for path, needed in (
        ("/v1/audio/transcriptions", ["model", "file"]),
        ("/v1/images/edits", ["model", "prompt", "image"]),
    ):
        body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
        assert body["multipart/form-data"]["schema"]["required"] == needed


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        *((text, True) for text in ("30", "30s", "0.5", "999", "3599.9s", "3600", "3600.0s")),
        *((text, False) for text in ("0", "0s", "3601", "3600.1s", "10000", "30m")),
    ],
)
def test_limits_of_durations_in_headers_are_described(text: str, is_taken: bool) -> None:  # noqa: FBT001 # a parameter
    """There, the unit may be left out."""
    parameters = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["parameters"]
    timeout = next(each for each in parameters if each["name"] == "x-conduit-timeout")
    assert bool(re.search(timeout["schema"]["pattern"], text)) is is_taken


def test_what_may_be_left_out_of_a_body_may_be_null() -> None:
    """As clients write that have every member; what is required may not."""
    body = DOCUMENT["paths"]["/api/announcements"]["post"]["requestBody"]["content"]
    members = body["application/json"]["schema"]["properties"]
    assert members["category"]["type"] == ["string", "null"]
    assert members["message"]["type"] == "string"


def test_an_empty_day_is_unset() -> None:
    """As forms send it."""
    parameters = DOCUMENT["paths"]["/api/usage/costs"]["get"]["parameters"]
    days = [each["schema"] for each in parameters if each["name"] in {"startDate", "endDate"}]
    assert [day["anyOf"] for day in days] == [[{"format": "date"}, {"const": ""}]] * 2
