"""Writes the schemas of forms, whose files are bytes rather than base64."""

from .contract import Contract, Field, Message
from .openapi_limits import limits_of_list
from .openapi_schemas import BINARY, Schema, Schemas

FILE = "FormFile"


def form_type(contract: Contract, field: Field) -> Message:
    """Return the message that a form says."""
    return contract.messages[field.json.schema]


def part_name(field: Field) -> str:
    """Return the name of a member of a form."""
    return field.json.part or field.member


def is_file(contract: Contract, field: Field) -> bool:
    """Return whether a form's member is a file, or one of the choices of what it holds is one."""
    if not field.is_message:
        return False
    file = f"{contract.package}.{FILE}"
    held = contract.message_of(field)
    return field.type_name == file or any(f.type_name == file for f in held.fields)


def form_schema(contract: Contract, schemas: Schemas, form: Message) -> Schema:
    """Return the schema of a form."""
    properties: Schema = {}
    for field in form.fields:
        if field.json.unknown or field.json.null:
            continue
        if is_file(contract, field):
            files = {"type": "array", "items": BINARY} | limits_of_list(field.limits)
            shape = files if field.repeated else BINARY
            properties[part_name(field)] = shape | {"description": field.comment}
        else:
            properties[part_name(field)] = schemas.field(form, field)
    schema: Schema = {"description": form.comment, "type": "object", "properties": properties}
    needed = [part_name(field) for field in form.fields if field.json.required]
    return schema | {"required": needed} if needed else schema
