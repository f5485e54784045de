"""Tools of Google's generateContent as a chat has them.

https://ai.google.dev/api/caching#Tool: parameters are a schema in OpenAPI's words, or one of JSON.
"""

from typing import Any

from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.tool_names import ToolNames, cut

Json = dict[str, Any]

_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
# How deep a schema may be; JSON of callers is bounded anyhow.
_MOST_DEPTH = 100


def tools_of(tools: object, dropped: Dropped) -> tuple[list[Json], ToolNames]:
    """Return the caller's functions, and their names; tools that only Google has are told."""
    found: list[Json] = []
    names: list[str] = []
    for tool in tools if isinstance(tools, list) else [tools] if tools else []:
        if not isinstance(tool, dict):
            raise InvalidRequest("tools must be a list of objects", field="tools")
        for kind, value in tool.items():
            if kind not in {"functionDeclarations", "function_declarations"}:
                dropped.add(f"tools.{kind}")
                continue
            for each in value if isinstance(value, list) else []:
                if not isinstance(each, dict):
                    message = "functionDeclarations must be a list of objects"
                    raise InvalidRequest(message, field="tools.functionDeclarations")
                names.append(str(each.get("name") or ""))
                found.append(_function(each, dropped))
    return found, ToolNames(names)


def _function(declared: Json, dropped: Dropped) -> Json:
    schema = declared.get("parametersJsonSchema") or declared.get("parameters_json_schema")
    if schema is None and (given := declared.get("parameters")):
        schema = json_schema(given)
    function: Json = {
        "name": cut(str(declared.get("name") or "")),
        "parameters": schema or _NO_ARGUMENTS,
    }
    if description := declared.get("description"):
        function["description"] = description
    if declared.get("behavior") not in (None, "BLOCKING", "UNSPECIFIED"):
        dropped.add("tools.functionDeclarations.behavior")
    return {"type": "function", "function": function}


def json_schema(given: object, depth: int = 0) -> Any:  # noqa: ANN401 # any JSON value
    """Return a schema of OpenAPI's as one of JSON: small types, and null as a type of its own."""
    if depth > _MOST_DEPTH or not isinstance(given, dict):
        return given
    found: Json = {}
    for name, value in given.items():
        if name == "type" and isinstance(value, str):
            found[name] = value.lower()
        elif name == "properties" and isinstance(value, dict):
            found[name] = {each: json_schema(s, depth + 1) for each, s in value.items()}
        elif name in {"anyOf", "any_of"} and isinstance(value, list):
            found["anyOf"] = [json_schema(each, depth + 1) for each in value]
        elif name == "items":
            found[name] = json_schema(value, depth + 1)
        elif name not in {"nullable", "propertyOrdering", "property_ordering"}:
            found[name] = value
    if given.get("nullable") is True and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found


def choice_of(config: object, dropped: Dropped) -> Json:
    """Return whether and which functions must be called."""
    if not isinstance(config, dict):
        return {}
    calling = config.get("functionCallingConfig") or config.get("function_calling_config")
    if not isinstance(calling, dict):
        return {}
    mode = _MODES.get(str(calling.get("mode") or "").upper())
    allowed = calling.get("allowedFunctionNames") or calling.get("allowed_function_names") or []
    if mode == "required" and isinstance(allowed, list) and len(allowed) == 1:
        return {"tool_choice": {"type": "function", "function": {"name": cut(str(allowed[0]))}}}
    if allowed:
        dropped.add("toolConfig.functionCallingConfig.allowedFunctionNames")
    return {} if mode is None else {"tool_choice": mode}
