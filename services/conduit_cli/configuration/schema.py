"""The JSON Schema of configuration files, for editors: of the contract, as OpenAPI has it."""

import copy
import json
from importlib.resources import files
from typing import Any

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PREFIX = "#/components/schemas/"
# Each section's things, and where the API makes them.
_SECTIONS = {
    "providers": ("ProviderSpec", "/api/providers"),
    "mappings": ("ModelMappingSpec", "/api/model-provider-mappings"),
    "fallbackChains": ("FallbackChainSpec", "/api/fallback-chains"),
    "virtualKeyGroups": ("VirtualKeyGroupSpec", "/api/virtual-key-groups"),
    "virtualKeys": ("VirtualKeySpec", "/api/virtual-keys"),
    "modelCosts": ("ModelCostSpec", "/api/model-costs"),
    "webhooks": ("WebhookSpec", "/api/webhooks"),
}
# Named by `provider` in a file.
_FREED = {"providerId"}
# What a file has beside what the API takes.
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_PROVIDER: Schema = {**_NAME, "description": "The instance, by its name."}
_MORE: dict[str, dict[str, Schema]] = {
    "ProviderSpec": {
        "id": {"type": "integer", "description": "By which `providerId` in this file means it."},
        "keys": {
            "type": "array",
            "items": {"$ref": "#/$defs/KeyCredentialSpec"},
            "description": "Its keys. Unset leaves those that it has.",
        },
    },
    "KeyCredentialSpec": {"id": {"type": "string", "description": "Such as `key_3`."}},
    "ModelMappingSpec": {"provider": _PROVIDER},
    "FallbackProvider": {"provider": _PROVIDER},
    "VirtualKeySpec": {
        "group": {"type": ["string", "null"], "description": "The group, by its name."}
    },
    "ModelCostSpec": {"provider": _PROVIDER},
}


def schema() -> Schema:
    """Return the schema."""
    text = files("conduit.v1").joinpath("openapi.json").read_text("utf-8")
    document = json.loads(text)
    components, definitions = document["components"]["schemas"], dict[str, Schema]()
    for name in ("ProviderSecurity", "KeyCredentialSpec"):
        _take(name, components, definitions)
    properties: dict[str, Schema] = {}
    for section, (name, path) in _SECTIONS.items():
        _take(name, components, definitions)
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        required = set(body["schema"].get("required", ())) - _FREED
        definitions[name]["required"] = sorted(required)
        items = {"$ref": f"#/$defs/{name}"}
        properties[section] = {"type": ["array", "null"], "items": items}
    return {
        "$schema": DRAFT,
        "title": "Configuration of Conduit",
        "type": "object",
        "properties": {
            "version": {"const": 1},
            "providerSecurity": {"$ref": "#/$defs/ProviderSecurity"},
            **properties,
        },
        "additionalProperties": False,
        "$defs": definitions,
    }


def _take(name: str, components: dict[str, Schema], taken: dict[str, Schema]) -> None:
    """Take a component, and those that it is made of."""
    if name in taken:
        return
    taken[name] = found = copy.deepcopy(components[name])
    if more := _MORE.get(name):
        found["properties"] |= more
    found["required"] = sorted(set(found.get("required", ())) - _FREED)
    for other in _moved(found):
        _take(other, components, taken)


def _moved(value: object) -> list[str]:
    """Have references lead to the definitions; return what they name."""
    if isinstance(value, list):
        return [name for each in value for name in _moved(each)]
    if not isinstance(value, dict):
        return []
    found = [name for each in value.values() for name in _moved(each)]
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith(_PREFIX):
        name = reference.removeprefix(_PREFIX)
        value["$ref"] = f"#/$defs/{name}"
        found.append(name)
    return found
