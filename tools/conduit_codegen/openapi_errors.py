"""Writes the error answers of an OpenAPI document, in both shapes."""

from collections.abc import Collection
from typing import Any

from .contract import Binding, Contract, Dialect, Rpc
from .openapi_schemas import Schema, reference
from .tables import REASON_PREFIX, reasons

JSON_TYPE = "application/json"
REASON = "ErrorReason"

ERROR_SCHEMAS: dict[str, Schema] = {
    "AdminError": {
        "description": "Why a call of `/api` failed.",
        "type": "object",
        "properties": {
            "error": {"type": "string", "description": "What happened, in one sentence."},
            "code": reference(REASON),
            "hint": {"type": "string", "description": "What the caller can do about it."},
            "field": {"type": "string", "description": "The member or parameter at fault."},
        },
        "required": ["error", "code"],
    },
    "OpenAiError": {
        "description": "Why a call of `/v1` failed, as OpenAI says it.",
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "message": {"type": "string", "description": "What happened."},
                    "type": {
                        "type": "string",
                        "description": "The family of the failure.",
                        "examples": ["invalid_request_error"],
                    },
                    "param": {
                        "type": ["string", "null"],
                        "description": "The member at fault, such as `messages[0].role`.",
                    },
                    "code": {
                        "type": "string",
                        "description": "OpenAI's word for the reason, or the reason in lower case.",
                    },
                    "hint": {"type": "string", "description": "What the caller can do about it."},
                },
                "required": ["message", "type", "param", "code"],
            }
        },
        "required": ["error"],
    },
    "AnthropicError": {
        "description": "Why a call of `/v1/messages` failed, as Anthropic says it.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": "error", "description": "Always `error`."},
            "error": {
                "type": "object",
                "properties": {
                    "type": {
                        "type": "string",
                        "description": "The family of the failure.",
                        "examples": ["invalid_request_error"],
                    },
                    "message": {"type": "string", "description": "What happened."},
                    "code": reference(REASON),
                    "hint": {"type": "string", "description": "What the caller can do about it."},
                    "param": {"type": "string", "description": "The member at fault."},
                },
                "required": ["type", "message", "code"],
            },
            "request_id": {"type": "string", "description": "The call's id."},
        },
        "required": ["type", "error"],
    },
    "GoogleError": {
        "description": "Why a call of `/v1beta` failed, as Google says it.",
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "code": {"type": "integer", "description": "The status."},
                    "message": {"type": "string", "description": "What happened."},
                    "status": {
                        "type": "string",
                        "description": "The family of the failure.",
                        "examples": ["INVALID_ARGUMENT"],
                    },
                    "details": {
                        "type": "array",
                        "items": {"type": "object"},
                        "description": "One `google.rpc.ErrorInfo`, with the reason.",
                    },
                },
                "required": ["code", "message", "status", "details"],
            }
        },
        "required": ["error"],
    },
}
FAMILIES: dict[Dialect, str] = {
    Dialect.ADMIN: "AdminError",
    Dialect.OPENAI: "OpenAiError",
    Dialect.ANTHROPIC: "AnthropicError",
    Dialect.RESPONSES: "OpenAiError",
    Dialect.GOOGLE: "GoogleError",
}
# What calls of a family fail with, beside what is ours alone; each operation has some of them.
STATUSES: dict[str, tuple[int, ...]] = {
    "AdminError": (400, 401, 403, 404, 409, 412, 413, 501, 503, 504),
    "OpenAiError": (400, 401, 403, 404, 413, 429, 501, 502, 503, 504, 508),
    "AnthropicError": (400, 401, 403, 404, 413, 429, 501, 502, 503, 504, 508),
    "GoogleError": (400, 401, 403, 404, 413, 429, 501, 502, 503, 504, 508),
}
EXAMPLES: dict[str, Any] = {
    "AdminError": {"error": "Provider with ID 999 not found", "code": "PROVIDER_NOT_FOUND"},
    "OpenAiError": {
        "error": {
            "message": "messages[0].content must be a string or a list, not a number",
            "type": "invalid_request_error",
            "param": "messages[0].content",
            "code": "invalid_request",
        }
    },
    "AnthropicError": {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "messages[0].role must be a string, not a number",
            "code": "INVALID_REQUEST",
            "param": "messages[0].role",
        },
        "request_id": "req_01",
    },
    "GoogleError": {
        "error": {
            "code": 400,
            "message": "contents must not be empty",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "INVALID_REQUEST",
                    "domain": "conduit",
                    "metadata": {"field": "contents"},
                }
            ],
        }
    },
}


def error_responses(contract: Contract) -> dict[str, Any]:
    """Return the error answers by name: of each family by status, and of any other status."""
    by_status = _by_status(contract)
    found: dict[str, Any] = {}
    for name, schema in ERROR_SCHEMAS.items():
        content = {JSON_TYPE: {"schema": reference(name), "example": EXAMPLES[name]}}
        found[name] = {
            "description": f"{schema['description']} `{REASON}` lists the reasons.",
            "content": content,
        }
        # What no reason has yet is no answer yet.
        for status in (each for each in STATUSES[name] if each in by_status):
            found[f"{name}{status}"] = {
                "description": f"One of the reasons {', '.join(sorted(by_status[status]))}.",
                "content": {JSON_TYPE: {"schema": reference(name)}},
            }
    return found


def error_references(
    contract: Contract, rpc: Rpc, binding: Binding, names: Collection[str]
) -> dict[str, Any]:
    """Return the error answers of an operation, which has these parameters, by status."""
    family = FAMILIES[rpc.dialect]
    left_out = set(STATUSES[family]) - _by_status(contract).keys()
    if not binding.body:
        left_out.add(413)
    if rpc.access == "ACCESS_PUBLIC":
        left_out |= {401, 403}
    if "if-match" not in names:
        left_out.add(412)
    if not (binding.body or names):
        left_out |= {400, 404}
    if binding.verb == "GET":
        left_out.add(409)
    statuses = (status for status in STATUSES[family] if status not in left_out)
    of_status = {
        str(status): {"$ref": f"#/components/responses/{family}{status}"} for status in statuses
    }
    return of_status | {"default": {"$ref": f"#/components/responses/{family}"}}


def _by_status(contract: Contract) -> dict[int, list[str]]:
    """Return the names of the reasons by the status that they are answered with."""
    found: dict[int, list[str]] = {}
    for value in reasons(contract).values:
        if value.failure is not None and value.number:
            name = value.name.removeprefix(REASON_PREFIX)
            found.setdefault(value.failure.http_status, []).append(name)
    return found


def reason_schema(contract: Contract) -> dict[str, Schema]:
    """Return the schema of the reasons, with a table of what each means."""
    names, rows = [], []
    for value in reasons(contract).values:
        if value.failure is None or not value.number:
            continue
        name = value.name.removeprefix(REASON_PREFIX)
        names.append(name)
        meaning = value.comment.partition("\n")[0].partition(" Example:")[0]
        cells = (name, value.failure.http_status, value.failure.openai_type, meaning)
        hint = value.failure.hint
        rows.append("| " + " | ".join(str(cell) for cell in (*cells, hint)) + " |")
    head = ["| reason | status | type on `/v1` | meaning | what to do |", "|---|---|---|---|---|"]
    description = "\n".join(["Why a call failed.", "", *head, *rows])
    return {REASON: {"description": description, "type": "string", "enum": names}}
