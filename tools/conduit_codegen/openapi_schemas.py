"""Writes the schemas of an OpenAPI document: what each message, field and enum is in JSON."""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from .contract import (
    DURATION,
    FIELD_MASK,
    STRUCT,
    TIMESTAMP,
    Contract,
    Dialect,
    Enum,
    Field,
    Kind,
    Message,
    Oneof,
)
from .json_members import NATIVE
from .json_names import can_be_null, members, null_field, text_field, text_targets
from .naming import spelling
from .openapi_limits import amount_sent, limits_of_list, limits_of_map, limits_of_value

# Any: JSON.
Schema: TypeAlias = dict[str, Any]

CODE = re.compile(r"`([a-z0-9_]+)`")
EXAMPLE = re.compile(r"[Ss]uch as `([^`]+)`")
BINARY: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
# In both alphabets, with padding or without.
BASE64 = "^([A-Za-z0-9+/_-]{4})*([A-Za-z0-9+/_-]{2}(==)?|[A-Za-z0-9+/_-]{3}=?)?$"
NULL: Schema = {"type": "null"}
SCALARS: dict[Kind, Schema] = {
    Kind.STRING: {"type": "string"},
    Kind.BYTES: {"type": "string", "contentEncoding": "base64", "pattern": BASE64},
    Kind.BOOL: {"type": "boolean"},
    Kind.INT32: {"type": "integer", "format": "int32"},
    Kind.INT64: {"type": "integer", "format": "int64"},
    Kind.UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    Kind.UINT64: {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
    Kind.DOUBLE: {"type": "number", "format": "double"},
}
WELL_KNOWN: dict[str, Schema] = {
    TIMESTAMP: {"type": "string", "format": "date-time"},
    DURATION: {
        "type": "string",
        "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$",
        "examples": ["30s"],
    },
    STRUCT: {"type": "object", "additionalProperties": True},
    FIELD_MASK: {"type": "string"},
}


def reference(name: str) -> Schema:
    """Return a reference to a schema by name."""
    return {"$ref": f"#/components/schemas/{name}"}


class Schemas:
    """Collects the schemas that an OpenAPI document refers to.

    `sent` and `received` are the full names of the messages in requests and in answers. What is
    only sent refuses members that the contract does not know; what is only received has all the
    members that are always written. The members of those that are `updated` can be null, which
    takes them back.
    """

    def __init__(
        self,
        contract: Contract,
        sent: Iterable[str],
        received: Iterable[str],
        updated: Iterable[str] = (),
    ) -> None:
        self._contract = contract
        self._sent = self._reachable(sent)
        self._received = self._reachable(received)
        self._updated = frozenset(updated)
        self._members = {
            field.name: field.member
            for message in contract.messages.values()
            if message.dialect is Dialect.ADMIN
            for field in message.fields
        }

    def all(self) -> dict[str, Schema]:
        """Return the schemas by name, in order of name."""
        found = {}
        for name in self._sent | self._received:
            message = self._contract.messages[name]
            found[message.name] = self.message(message)
            for field in members(self._contract, message):
                if field.kind is Kind.ENUM:
                    enum = self._contract.enum_of(field)
                    found[self._enum_name(enum, message.dialect)] = _enum(enum, message.dialect)
        return dict(sorted(found.items()))

    def _reachable(self, names: Iterable[str]) -> set[str]:
        """Return the messages that messages hold, themselves included."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            message = self._contract.messages[name]
            for field in members(self._contract, message):
                if not self._is_left_out(message, field):
                    waiting += named(self._contract, field)
        return found

    def _is_left_out(self, message: Message, field: Field) -> bool:
        """Return whether the discriminator alone says a choice."""
        oneof = message.oneof_of(field)
        return bool(oneof and oneof.discriminator) and self._contract.holds_nothing(field)

    # Messages.

    def message(self, message: Message, without: Iterable[str] = ()) -> Schema:
        """Return the schema of a message, less the fields of some names."""
        if message.is_bare:
            schema = self._bare(message)
            return {"description": message.comment} | schema
        skipped = set(without)
        fields = [f for f in members(self._contract, message) if f.name not in skipped]
        schema = {"description": message.comment, "type": "object"}
        oneof = next((o for o in message.oneofs if o.discriminator), None)
        plain = [f for f in fields if oneof is None or f.oneof != oneof.name]
        if plain:
            schema["properties"] = {f.member: self.field(message, f) for f in plain}
            schema["properties"] |= {
                f.json.also: self.field(message, f) for f in plain if f.json.also
            }
        if required := self._required(message, plain):
            schema["required"] = required
        if oneof is not None:
            bare = text_targets(self._contract).get(message.full_name)
            if oneof.flat and message.unknown is not None:
                # An event of a kind that the contract does not know is one, too.
                other: Schema = {"title": "other", "type": "object", "additionalProperties": True}
                known = [self._flat_choice(oneof, field) for field in oneof.fields]
                return schema | {"anyOf": [*known, other]}
            schema["oneOf"] = [
                self._flat_choice(oneof, field)
                if oneof.flat
                else self._choice(message, oneof, field)
                for field in oneof.fields
                # An enum that a bare string says is not said in an object as well.
                if field is not bare or field.kind is not Kind.ENUM
            ]
        elif self._is_closed(message):
            schema["additionalProperties"] = False
        return schema

    def _is_closed(self, message: Message) -> bool:
        return message.dialect is Dialect.ADMIN and (
            message.full_name in self._sent or message.full_name not in self._received
        )

    def _required(self, message: Message, fields: Iterable[Field]) -> list[str]:
        """Return the members that are always there; a request has those alone that it must."""
        if message.full_name not in self._received or message.full_name in self._sent:
            return [] if message.full_name in self._updated else _demanded(message, fields)
        return [f.member for f in fields if _is_always_written(message, f)]

    def _choice(self, message: Message, oneof: Oneof, field: Field) -> Schema:
        """Return the schema of one choice of a oneof with a discriminator."""
        schema: Schema = {
            "title": field.name,
            "type": "object",
            "properties": {oneof.discriminator: {"const": field.name}},
            "required": [oneof.discriminator],
        }
        if not self._is_left_out(message, field):
            schema["properties"][field.member] = self.field(message, field)
            schema["required"].append(field.member)
        return schema

    def _flat_choice(self, oneof: Oneof, field: Field) -> Schema:
        """Return the schema of a choice whose members stand beside the discriminator."""
        kind: Schema = {
            "type": "object",
            "properties": {oneof.discriminator: {"const": field.member}},
            "required": [oneof.discriminator],
        }
        schema = {"title": field.member, "allOf": [kind, self._reference(field.type_name)]}
        return schema | {"description": field.comment}

    def _bare(self, message: Message) -> Schema:
        if len(message.fields) == 1:
            return self.field(message, message.fields[0])
        return {"oneOf": [self.field(message, field) for field in message.fields]}

    # Fields.

    def field(self, message: Message, field: Field) -> Schema:
        """Return the schema of a field, with what its comment says."""
        schema = self._shape(message, field)
        if (
            (message.full_name in self._updated and not field.json.required)
            or (
                can_be_null(field, is_admin=message.dialect is Dialect.ADMIN)
                and not field.json.required
            )
            or null_field(self._contract, field) is not None
            or self._may_answer_null(message, field)
        ):
            schema = or_null(schema)
        if field.comment:
            schema = schema | {"description": self._comment(message, field)}
        if field.json.secret:
            schema = schema | {"writeOnly": True}
        if field.kind is Kind.STRING and (found := EXAMPLE.search(field.comment)):
            schema = _with_example(schema, found[1])
        return schema

    def _may_answer_null(self, message: Message, field: Field) -> bool:
        """Return whether providers write null for what they leave out."""
        is_openai = message.dialect is Dialect.OPENAI
        can_be_unset = field.is_optional or (field.is_message and not field.repeated)
        return is_openai and can_be_unset and message.full_name in self._received

    def _comment(self, message: Message, field: Field) -> str:
        """Return a field's comment, in which fields have the names of their dialect's JSON."""
        if message.dialect is Dialect.OPENAI:
            return field.comment
        return CODE.sub(lambda m: f"`{self._members.get(m[1], m[1])}`", field.comment)

    def _shape(self, message: Message, field: Field) -> Schema:
        value = self._value(message, field)
        if field.map_key is not None:
            values = {"type": "object", "additionalProperties": value}
            return values | limits_of_map(field.limits, required=field.json.required)
        if not field.repeated:
            return self._or_text(message, field, value) if field.json.text_member else value
        items: Schema = {"type": "array", "items": value} | limits_of_list(field.limits)
        if field.json.text_member:
            return self._or_text(message, field, items)
        return {"anyOf": [value, items]} if field.json.single_or_list else items

    def _or_text(self, message: Message, field: Field, schema: Schema) -> Schema:
        """Return the schema of a value for which a bare string can stand."""
        text = text_field(self._contract, field)
        bare = self._value(self._contract.message_of(field), text)
        choices = [bare, schema, NULL] if field.json.always and field.repeated else [bare, schema]
        return {"oneOf": choices}

    def _value(self, message: Message, field: Field) -> Schema:
        """Return the schema of one value of a field."""
        return self._any_value(message, field) | limits_of_value(
            field.limits, required=field.json.required
        )

    def _any_value(self, message: Message, field: Field) -> Schema:
        if field.json.raw:
            return self._reference(field.json.schema) if field.json.schema else {}
        if field.json.money:
            is_sent = message.full_name in self._sent
            return amount_sent(field.limits) if is_sent else {"type": "number"}
        if field.type_name in WELL_KNOWN:
            return WELL_KNOWN[field.type_name]
        if field.kind is Kind.MESSAGE:
            return self._reference(field.type_name)
        return self._enum(message, field) if field.kind is Kind.ENUM else SCALARS[field.kind]

    def _enum(self, message: Message, field: Field) -> Schema:
        enum = self._contract.enum_of(field)
        value = reference(self._enum_name(enum, message.dialect))
        zero = spelling(enum, enum.values[0], message.dialect)
        if field.json.required and zero and not enum.values[0].refused:
            # What must be there is more than unset.
            value = value | {"not": {"const": zero}}
        if any(f.name == NATIVE + field.name for f in message.fields):
            # Where the enum has no value, the provider's own word stands in its place.
            return {"anyOf": [value, {"type": "string"}, NULL]}
        is_null = field.json.always and message.dialect is Dialect.OPENAI
        return {"oneOf": [value, NULL]} if is_null else value

    def _reference(self, full_name: str) -> Schema:
        return reference(self._contract.messages[full_name].name)

    def _enum_name(self, enum: Enum, dialect: Dialect) -> str:
        several = len(self._contract.dialects_of(enum)) > 1
        return f"{enum.name}{dialect.capitalize()}" if several else enum.name


def named(contract: Contract, field: Field) -> list[str]:
    """Return the messages, by full name, that a field holds or is the JSON of."""
    return [name for name in (field.type_name, field.json.schema) if name in contract.messages]


def _enum(enum: Enum, dialect: Dialect) -> Schema:
    """Return the schema of an enum, with a line for each value."""
    texts: dict[str, str] = {}
    for value in enum.values:
        if (name := spelling(enum, value, dialect)) and not value.refused:
            # Where the zero value means another one, that one says what it is.
            texts[name] = value.comment
    lines = [f"- `{name}`: {text}" for name, text in texts.items()]
    return {
        "description": "\n".join([enum.comment, "", *lines]),
        "type": "string",
        "enum": list(texts),
    }


def _demanded(message: Message, fields: Iterable[Field]) -> list[str]:
    # What is sent on to a provider may have its members from elsewhere.
    is_admin = message.dialect is Dialect.ADMIN
    return [f.member for f in fields if is_admin and f.json.required]


def _is_always_written(message: Message, field: Field) -> bool:
    if field.json.always:
        return True
    is_admin = message.dialect is Dialect.ADMIN
    return is_admin and not field.has_presence and not field.json.raw and not field.json.secret


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that can be null."""
    if not schema:
        return schema
    if isinstance(schema.get("type"), str):
        return schema | {"type": [schema["type"], "null"]}
    if isinstance(schema.get("type"), list):
        return schema | {"type": [*schema["type"], "null"]}
    return {"oneOf": [schema, NULL]}


def _with_example(schema: Schema, example: str) -> Schema:
    if schema.get("type") == "array":
        return schema | {"items": schema["items"] | {"examples": [example]}}
    return schema | {"examples": [example]} if schema.get("type") == "string" else schema
