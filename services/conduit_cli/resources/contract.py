"""The administrators' operations as the contract's OpenAPI document has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

Schema = Mapping[str, Any]
METHODS = ("get", "post", "patch", "delete", "put")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a request: a parameter, or one of its body."""

    name: str
    schema: Schema
    description: str
    is_required: bool = False
    is_in_body: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: what it takes, and where it is."""

    method: str
    path: str
    summary: str
    description: str
    # Of its path, in order.
    places: tuple[str, ...]
    members: tuple[Member, ...]
    has_body: bool


@cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(files("conduit.v1").joinpath("openapi.json").read_bytes())
    return found


def operation(name: str) -> Operation:
    """Return an operation by its id in the contract, such as `listProviders`."""
    for path, item in _document()["paths"].items():
        for method in METHODS:
            found = item.get(method)
            if found is not None and found["operationId"] == name:
                return _read(method, path, found)
    raise KeyError(name)


@cache
def answer_schema(name: str) -> Schema:
    """Return the schema of what an operation answers, by the operation's id."""
    for item in _document()["paths"].values():
        for method in METHODS:
            found = item.get(method)
            if found is not None and found["operationId"] == name:
                good = next(each for status, each in found["responses"].items() if status < "300")
                content = good.get("content", {}).get("application/json", {})
                return plain(content.get("schema", {}))
    raise KeyError(name)


def plain(schema: Schema) -> Schema:
    """Return a schema without the null that it may be, and without references."""
    for each in schema.get("oneOf", ()):
        if each.get("type") != "null":
            return plain({**each, **{k: v for k, v in schema.items() if k != "oneOf"}})
    if "$ref" in schema:
        found = _document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return plain({**found, **{k: v for k, v in schema.items() if k != "$ref"}})
    kind = schema.get("type")
    if isinstance(kind, list):
        return {**schema, "type": next(each for each in kind if each != "null")}
    return schema


def _read(method: str, path: str, found: Schema) -> Operation:
    parameters: Sequence[Schema] = found.get("parameters", ())
    places = tuple(each["name"] for each in parameters if each["in"] == "path")
    members = [
        Member(each["name"], plain(each["schema"]), each.get("description", ""))
        for each in parameters
        if each["in"] == "query"
    ]
    body = found.get("requestBody")
    if body is not None:
        schema = plain(body["content"]["application/json"]["schema"])
        required = set(schema.get("required", ()))
        for name, each in schema.get("properties", {}).items():
            told = each.get("description", "")
            members.append(Member(name, plain(each), told, name in required, is_in_body=True))
    return Operation(
        method.upper(),
        path,
        found["summary"],
        found.get("description", ""),
        places,
        tuple(members),
        body is not None,
    )
