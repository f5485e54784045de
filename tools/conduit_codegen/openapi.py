"""Writes the OpenAPI 3.1 document of the HTTP routes."""

import json
from collections.abc import Iterator
from typing import Any

from .contract import DURATION, Binding, Contract, Dialect, Field, Message, Rpc
from .http_answers import (
    BINARY_TYPE,
    EVENTS_TYPE,
    JSON_TYPE,
    AnswerWriter,
    content_field,
    success_status,
)
from .http_paths import PARAMETER, document_field, header_field, path_fields, query_fields
from .http_requests import WEBSOCKET, takes_json
from .json_names import members
from .openapi_errors import ERROR_SCHEMAS, error_references, error_responses, reason_schema
from .openapi_forms import form_schema, form_type
from .openapi_schemas import BINARY, Schema, Schemas, named, or_null, reference
from .source import Source

SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "ACCESS_PUBLIC": [],
    "ACCESS_VIRTUAL_KEY": [{"virtualKey": []}],
}
SECURITY_SCHEMES = {
    "masterKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Master-Key",
        "description": "The master key of the installation.",
    },
    "administratorToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An administrator's token, `condt_admin_...`; the operation names the role.",
    },
    "virtualKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A virtual key, such as `condt_...`.",
    },
}
FORM_TYPE = "multipart/form-data"
TEXT: Schema = {"type": "string"}
SECONDS = r"^[0-9]{1,12}(\.[0-9]{1,9})?s?$"
JSON_FRAMINGS = ("FRAMING_UNSPECIFIED", "FRAMING_SERVER_SENT_EVENTS")


def openapi_text(contract: Contract) -> str:
    """Return the document."""
    return json.dumps(OpenApi(contract).document(), indent=2, ensure_ascii=False) + "\n"


class OpenApi:
    """Makes the document of a contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._served = [(rpc, b) for rpc in contract.rpcs for b in rpc.bindings]
        self._schemas = Schemas(contract, self._sent(), self._received(), self._updated())

    def document(self) -> dict[str, Any]:
        """Return the whole document."""
        tags = [s for s in self._contract.services if any(rpc.bindings for rpc in s.rpcs)]
        schemas = self._schemas.all() | ERROR_SCHEMAS | reason_schema(self._contract)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Conduit",
                "version": self._contract.package.rpartition(".")[2],
                "description": "One API in front of every AI provider.",
            },
            # Where the document itself comes from.
            "servers": [{"url": "/"}],
            "tags": [{"name": s.name, "description": s.comment} for s in tags],
            "paths": self._paths(),
            "components": {
                "schemas": dict(sorted(schemas.items())),
                "headers": self._report_headers(),
                "responses": error_responses(self._contract),
                "securitySchemes": SECURITY_SCHEMES,
            },
        }

    # Which messages are in use.

    def _sent(self) -> Iterator[str]:
        for rpc, binding in self._served:
            request = self._contract.filled_by_http(rpc)
            if rpc.framing == WEBSOCKET:
                yield from _events_of(self._contract, rpc.request, rpc)
            elif binding.body == "*":
                for field in members(self._contract, request):
                    yield from named(self._contract, field)
            elif binding.body and takes_json(rpc, binding):
                yield from named(self._contract, request.field(binding.body))

    def _updated(self) -> Iterator[str]:
        for rpc, binding in self._served:
            request = self._contract.messages[rpc.request]
            if request.update_mask is not None:
                yield request.field(binding.body).type_name

    def _received(self) -> Iterator[str]:
        for rpc, binding in self._served:
            response = self._contract.messages[rpc.response]
            if (content := content_field(self._contract, response, binding)) is not None:
                yield content.json.schema
            elif rpc.framing == WEBSOCKET:
                yield from _events_of(self._contract, rpc.response, rpc)
            elif binding.response_body:
                yield from named(self._contract, response.field(binding.response_body))
            elif (events := _events(response)) is not None:
                yield from named(self._contract, events)
            elif response.fields and rpc.framing in JSON_FRAMINGS:
                yield response.full_name

    # Operations.

    def _paths(self) -> dict[str, dict[str, Any]]:
        paths: dict[str, dict[str, Any]] = {}
        # Those that are chosen by something are merged into their twins, which come first.
        for rpc, binding in sorted(self._served, key=lambda served: bool(_choice(served[0]))):
            operations = paths.setdefault(self._path(rpc, binding), {})
            verb = binding.verb.lower()
            if verb in operations:
                self._merge(operations[verb], rpc, binding)
            else:
                operations[verb] = self._operation(rpc, binding)
        return dict(sorted(paths.items()))

    def _path(self, rpc: Rpc, binding: Binding) -> str:
        """Return a path template with the parameters' JSON names."""
        request = self._contract.messages[rpc.request]
        return PARAMETER.sub(
            lambda m: f"{{{request.field(m[1]).member}}}{(m[3] and f':{m[3]}') or ''}", binding.path
        )

    def _operation(self, rpc: Rpc, binding: Binding) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "tags": [rpc.service],
            "operationId": _operation_id(rpc, binding),
            "summary": _summary(rpc.comment),
            "description": rpc.comment,
            "security": _security(rpc),
        }
        if parameters := [*self._parameters(rpc, binding)]:
            operation["parameters"] = parameters
        if (body := self._request_body(rpc, binding)) is not None:
            operation["requestBody"] = body
        if rpc.framing == WEBSOCKET:
            # OpenAPI has no words for what follows the handshake.
            operation["x-websocket"] = {
                "client": self._messages(rpc, rpc.request),
                "server": self._messages(rpc, rpc.response),
            }
        operation["responses"] = self._responses(rpc, binding)
        return operation

    def _merge(self, operation: dict[str, Any], rpc: Rpc, binding: Binding) -> None:
        """Add an RPC that something of a request chooses to the operation of its twin."""
        operation["description"] += f"\n\nWith `{_choice(rpc)}`: {rpc.comment}"
        for status, response in self._responses(rpc, binding).items():
            for kind, content in response.get("content", {}).items():
                known = operation["responses"][status]["content"]
                known[kind] = _either(known[kind], content) if rpc.chosen_by_header else content
        known_names = {each["name"] for each in operation.get("parameters", ())}
        for parameter in self._parameters(rpc, binding):
            if parameter["name"] not in known_names:
                operation.setdefault("parameters", []).append(parameter)

    def _messages(self, rpc: Rpc, name: str) -> Schema:
        """Return the schema of the messages of one side of a WebSocket."""
        names = _events_of(self._contract, name, rpc)
        return {"anyOf": [reference(self._contract.messages[name].name) for name in names]}

    def _parameters(self, rpc: Rpc, binding: Binding) -> Iterator[dict[str, Any]]:
        request = self._contract.filled_by_http(rpc)
        for field in path_fields(binding, request):
            yield self._parameter(request, field, "path", field.member) | {"required": True}
        for field in query_fields(self._contract, rpc, binding):
            parameter = self._parameter(request, field, "query", field.member)
            yield parameter | ({"required": True} if field.json.required else {})
        for field in request.fields:
            if field.json.header:
                yield self._parameter(request, field, "header", field.json.header)
        if (held := header_field(self._contract, request)) is not None:
            message = self._contract.message_of(held)
            for field in message.fields:
                yield self._parameter(message, field, "header", field.json.header)

    def _parameter(self, message: Message, field: Field, place: str, name: str) -> dict[str, Any]:
        schema = self._schemas.field(message, field)
        description = schema.pop("description", "")
        if field.type_name == DURATION:
            # Outside of JSON, the unit may be left out.
            pattern = (
                schema["pattern"].removesuffix("s$") + "s?$"
                if field.limits.max_seconds
                else SECONDS
            )
            schema |= {"pattern": pattern, "examples": ["30s", "30"]}
        return {"name": name, "in": place, "description": description, "schema": schema}

    def _request_body(self, rpc: Rpc, binding: Binding) -> dict[str, Any] | None:
        if not binding.body:
            return None
        request = self._contract.filled_by_http(rpc)
        if binding.body == "*":
            carried = [field.name for field in path_fields(binding, request)]
            schema = self._schemas.message(request, without=carried)
            if "properties" not in schema:
                return None
            required = schema.get("required", ())
            schema["properties"] = {
                # Null is unset.
                name: value if name in required else or_null(value)
                for name, value in schema["properties"].items()
            }
            needed = {"required": True} if required else {}
            content: dict[str, Any] = {JSON_TYPE: {"schema": schema}}
            if (document := document_field(binding, request)) is not None:
                # Of the value that the text stands for.
                content[document.json.document] = {"schema": {"type": "object"}}
            return {**needed, "content": content}
        content = {}
        if takes_json(rpc, binding):
            schema = self._schemas.field(request, request.field(binding.body))
            needed = self._needed(request, request.field(binding.body))
            content[JSON_TYPE] = {"schema": (schema or {"type": "object"}) | needed}
        if rpc.form:
            form = form_type(self._contract, request.field(rpc.form))
            content[FORM_TYPE] = {"schema": form_schema(self._contract, self._schemas, form)}
        return {"required": True, "content": content}

    def _needed(self, request: Message, body: Field) -> Schema:
        """Return which members a body must have; a change may leave out each."""
        carried = body.json.schema or body.type_name
        if request.update_mask is not None or carried not in self._contract.messages:
            return {}
        fields = self._contract.messages[carried].fields
        needed = [field.member for field in fields if field.json.required]
        return {"required": needed} if needed else {}

    # Answers.

    def _responses(self, rpc: Rpc, binding: Binding) -> dict[str, Any]:
        response = self._contract.messages[rpc.response]
        success: dict[str, Any] = {"description": response.comment}
        status = success_status(self._contract, rpc)
        if rpc.framing == WEBSOCKET:
            status = 101
        elif response.fields:
            success["content"] = self._content(rpc, binding, response)
        if (report := header_field(self._contract, response)) is not None:
            names = [f.json.header for f in self._contract.message_of(report).fields]
            success["headers"] = {n: {"$ref": f"#/components/headers/{n}"} for n in names}
        names = [parameter["name"] for parameter in self._parameters(rpc, binding)]
        return {str(status): success} | error_references(self._contract, rpc, binding, names)

    def _content(self, rpc: Rpc, binding: Binding, response: Message) -> dict[str, Any]:
        answer = AnswerWriter(self._contract, rpc, binding, Source())
        if (field := content_field(self._contract, response, binding)) is not None:
            schema = reference(self._contract.messages[field.json.schema].name)
            return {JSON_TYPE: {"schema": schema}, "text/*": {"schema": TEXT}}
        if rpc.framing == "FRAMING_BINARY":
            media_type = "*/*" if answer.tells_media_type else BINARY_TYPE
            sound = {media_type: {"schema": BINARY}}
            if (events := _events(response)) is None:
                return sound
            return sound | {EVENTS_TYPE: {"schema": self._schema_of_events(events)}}
        if (events := _events(response)) is not None:
            schema = self._schema_of_events(events)
            if rpc.dialect is Dialect.GOOGLE:
                # Events are for those who ask for them.
                array = {"type": "array", "items": schema}
                return {JSON_TYPE: {"schema": array}, EVENTS_TYPE: {"schema": schema}}
        elif binding.response_body:
            field = response.field(binding.response_body)
            schema = self._schemas.field(response, field) or {"type": "object"}
        else:
            schema = reference(response.name)
        media_type = EVENTS_TYPE if rpc.framing == "FRAMING_SERVER_SENT_EVENTS" else JSON_TYPE
        return {media_type: {"schema": schema}}

    def _schema_of_events(self, events: Field) -> Schema:
        """Return the schema of the data of each event."""
        if not events.json.schema:
            return {"type": "string"}
        return reference(self._contract.messages[events.json.schema].name)

    def _report_headers(self) -> dict[str, Any]:
        """Return the headers of answers, by name."""
        headers = {}
        for rpc, _ in self._served:
            response = self._contract.messages[rpc.response]
            if (held := header_field(self._contract, response)) is not None:
                message = self._contract.message_of(held)
                for field in message.fields:
                    schema = self._schemas.field(message, field)
                    description = schema.pop("description", "")
                    headers[field.json.header] = {"description": description, "schema": schema}
        return dict(sorted(headers.items()))


def _choice(rpc: Rpc) -> str:
    """Return what chooses an RPC over its twin: a member of the body, a header, or nothing."""
    return rpc.chosen_by or rpc.chosen_by_header


def _either(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the content of an answer that is one of two."""
    return {"schema": {"anyOf": [one["schema"], other["schema"]]}}


def _events(response: Message) -> Field | None:
    return next((f for f in response.fields if f.json.events), None)


def _events_of(contract: Contract, name: str, rpc: Rpc) -> list[str]:
    """Return the messages, by full name, that a WebSocket's JSON can be of one side."""
    return [
        field.type_name
        for field in contract.messages[name].fields
        if field.is_message and field.name != rpc.start and contract.message_of(field).flat
    ]


def _operation_id(rpc: Rpc, binding: Binding) -> str:
    """Return an RPC's name; further rules of the same RPC have the verb behind it."""
    name = rpc.name[0].lower() + rpc.name[1:]
    return name if binding is rpc.bindings[0] else f"{name}By{binding.verb.capitalize()}"


def _summary(comment: str) -> str:
    """Return the first sentence."""
    first = comment.replace("\n", " ").partition(". ")[0]
    return first.removesuffix(".") + "."


def _security(rpc: Rpc) -> list[dict[str, list[str]]]:
    """Return the credentials that an operation takes, one of which is enough."""
    if rpc.access in SECURITY:
        return SECURITY[rpc.access]
    role = rpc.role.removeprefix("ROLE_").capitalize()
    return [{"masterKey": []}, {"administratorToken": [role]}]
