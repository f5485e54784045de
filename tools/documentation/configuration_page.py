"""The reference of configuration files, made of their schema."""

from collections.abc import Mapping
from typing import Any

from tools.documentation.markdown import code, table

Schema = Mapping[str, Any]
_PREFIX = "#/$defs/"


def configuration_page(schema: Schema) -> str:
    """Return the page: the sections, then every member of all that they hold."""
    sections = [[code(name), _type(each)] for name, each in schema["properties"].items()]
    parts = [
        f"## {name}\n\n{each.get('description', '')}\n\n{_members(each)}"
        for name, each in sorted(schema["$defs"].items())
    ]
    return (
        "# Members of configuration files\n\n[The configuration as a file](../configuration.md) "
        f"says how files are used.\n\n{table(['Section', 'Type'], sections)}\n" + "\n".join(parts)
    )


def _members(schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        [code(name), _type(each), "required" if name in required else "", _text(each)]
        for name, each in schema.get("properties", {}).items()
    ]
    return table(["Member", "Type", "", ""], rows) if rows else f"{_type(schema)}\n"


def _text(schema: Schema) -> str:
    return str(schema.get("description", ""))


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PREFIX)
        return f"[{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[choice])))
    if "enum" in schema:
        return ", ".join(code(str(value)) for value in schema["enum"])
    if "const" in schema:
        return code(str(schema["const"]))
    kinds = schema.get("type", "any")
    names = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_named(name, schema) for name in names)


def _named(name: str, schema: Schema) -> str:
    return f"list of {_type(schema['items'])}" if name == "array" and "items" in schema else name
