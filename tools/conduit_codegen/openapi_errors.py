"""Writes the error answers of an OpenAPI document, in both shapes."""

from typing import Any

from .contract import Contract
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
}


def error_responses() -> dict[str, Any]:
    """Return the error answers by name."""
    return {
        name: {
            "description": f"{schema['description']} `{REASON}` lists the reasons.",
            "content": {JSON_TYPE: {"schema": reference(name), "example": EXAMPLES[name]}},
        }
        for name, schema in ERROR_SCHEMAS.items()
    }


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
