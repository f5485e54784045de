"""Writes the functions that write a message as JSON."""

from .contract import DURATION, FIELD_MASK, STRUCT, TIMESTAMP, Field, Kind, Oneof
from .json_members import NATIVE
from .json_names import (
    bare_text,
    can_be_null,
    known_here,
    members,
    null_field,
    text_targets,
    write_table,
    writer,
)
from .json_values import Scope
from .naming import module, spelling
from .source import quoted

WELL_KNOWN_WRITERS = {
    TIMESTAMP: "well_known.timestamp_text",
    DURATION: "well_known.duration_text",
    STRUCT: "well_known.struct_json",
    FIELD_MASK: "well_known.field_mask_text",
}


def write_writer(scope: Scope) -> None:
    """Add the function that writes a message, and the one that writes it as a bare string."""
    if scope.message.is_bare:
        _bare(scope)
    else:
        _object(scope)
    if (text := text_targets(scope.contract).get(scope.message.full_name)) is not None:
        _as_text(scope, text)


def _object(scope: Scope) -> None:
    message = scope.message
    with scope.body.block(
        f"def {writer(message)}(message: {module(message.file)}.{message.name})"
        " -> dict[str, object]:"
    ):
        scope.body.line(f'"""Return the JSON of a `{message.name}`."""')
        fields = [f for f in members(scope.contract, message) if not f.json.secret]
        # Those that are always written, up to the first that is not, make up a literal.
        count = next((i for i, f in enumerate(fields) if _condition(scope, f)), len(fields))
        if count == len(fields) and message.unknown is None:
            scope.body.line(f"return {_literal(scope, fields)}")
        else:
            literal = _literal(scope, fields[:count])
            scope.body.line(f"members: dict[str, object] = {literal}")
            for field in fields[count:]:
                _member(scope, field)
            _unknown(scope)
            scope.body.line("return members")
    scope.body.gap()


def _literal(scope: Scope, fields: list[Field]) -> str:
    pairs = [f"{quoted(field.member)}: {_member_value(scope, field)}" for field in fields]
    return f"{{{', '.join(pairs)}}}"


def _member(scope: Scope, field: Field) -> None:
    oneof = scope.message.oneof_of(field)
    if oneof is not None and oneof.discriminator:
        if field is oneof.fields[0]:
            _choice(scope, oneof)
        return
    assignment = f"members[{quoted(field.member)}] = {_member_value(scope, field)}"
    if condition := _condition(scope, field):
        with scope.body.block(f"if {condition}:"):
            scope.body.line(assignment)
    else:
        scope.body.line(assignment)


def _choice(scope: Scope, oneof: Oneof) -> None:
    if oneof.flat:
        _flat_choice(scope, oneof)
        return
    with scope.body.block(f'match message.WhichOneof("{oneof.name}"):'):
        for field in oneof.fields:
            kind, member = quoted(field.name), quoted(field.member)
            with scope.body.block(f"case {kind}:"):
                scope.body.line(f"members[{quoted(oneof.discriminator)}] = {kind}")
                if not scope.contract.holds_nothing(field):
                    scope.body.line(f"members[{member}] = {_member_value(scope, field)}")


def _flat_choice(scope: Scope, oneof: Oneof) -> None:
    with scope.body.block(f'match message.WhichOneof("{oneof.name}"):'):
        for field in oneof.fields:
            with scope.body.block(f"case {quoted(field.name)}:"):
                kind = f"members[{quoted(oneof.discriminator)}] = {quoted(field.member)}"
                scope.body.line(kind)
                scope.body.line(f"members.update({_value(scope, field, f'message.{field.name}')})")
                # Whatever an unknown member says.
                scope.body.line(kind)
        if (unknown := scope.message.unknown) is not None:
            # A choice has its own unknown members.
            with scope.body.block(f"case None if message.{unknown.name}:"):
                arguments = f"message.{unknown.name}, (), {quoted(unknown.name)}"
                scope.body.line(f"runtime.add_unknown(members, {arguments})")


def _unknown(scope: Scope) -> None:
    if (unknown := scope.message.unknown) is None or scope.message.flat is not None:
        return
    names = known_here(scope.message)
    with scope.body.block(f"if message.{unknown.name}:"):
        arguments = f"message.{unknown.name}, {names}, {quoted(unknown.name)}"
        scope.body.line(f"runtime.add_unknown(members, {arguments})")


def _condition(scope: Scope, field: Field) -> str:
    """Return the condition on which a field is written; empty where it always is."""
    if field.json.always:
        return ""
    if sibling := _native_of(scope, field):
        # Where the enum has no value for it, the provider's word stands in the enum's own member.
        return f"message.{sibling.name} and {_is_set(field)}"
    if scope.is_admin and not field.has_presence and not field.json.raw:
        return ""
    return _is_set(field)


def _is_set(field: Field) -> str:
    """Return the condition on which a field is set, or is not zero."""
    return f'message.HasField("{field.name}")' if field.has_presence else f"message.{field.name}"


def _native_of(scope: Scope, field: Field) -> Field | None:
    """Return the enum whose unknown spellings a field keeps."""
    if scope.is_admin or not field.name.startswith(NATIVE):
        return None
    name = field.name.removeprefix(NATIVE)
    return next((f for f in scope.message.fields if f.name == name and f.kind is Kind.ENUM), None)


def _member_value(scope: Scope, field: Field) -> str:
    """Return the expression of a member's JSON value."""
    name = f"message.{field.name}"
    if field.map_key is not None:
        return _map(scope, field)
    if field.repeated:
        return _list(scope, field)
    value = _value(scope, field, name)
    if (null := null_field(scope.contract, field)) is not None:
        return f"None if {name}.{null.name} else {value}"
    if can_be_null(field, is_admin=scope.is_admin):
        return f"{value} if {_is_set(field)} else None"
    if field.json.text_member:
        text = bare_text(scope.contract.message_of(field))
        return f"text if (text := {text}({name})) is not None else {value}"
    return value


def _map(scope: Scope, field: Field) -> str:
    key = "key" if field.map_key is Kind.STRING else "str(key)"
    value = _value(scope, field, "value")
    pairs = f"sorted(message.{field.name}.items())"
    if (key, value) == ("key", "value"):
        return f"dict({pairs})"
    return f"{{{key}: {value} for key, value in {pairs}}}"


def _list(scope: Scope, field: Field) -> str:
    name = f"message.{field.name}"
    if field.json.text_member:
        nested = scope.contract.message_of(field)
        return f"runtime.text_or_list({name}, {bare_text(nested)}, {writer(nested)})"
    item = _value(scope, field, "item")
    return f"list({name})" if item == "item" else f"[{item} for item in {name}]"


def _value(scope: Scope, field: Field, value: str) -> str:
    """Return the expression of one value."""
    if field.kind is Kind.MESSAGE:
        known_type = WELL_KNOWN_WRITERS.get(field.type_name)
        return f"{known_type or writer(scope.contract.message_of(field))}({value})"
    if field.kind is Kind.ENUM:
        return _spelling(scope, field, value)
    if field.json.raw:
        return f"runtime.from_raw({value}, {quoted(field.member)})"
    if field.json.money:
        return f"runtime.dollars({value})"
    return f"runtime.base64_text({value})" if field.kind is Kind.BYTES else value


def _spelling(scope: Scope, field: Field, value: str) -> str:
    enum = scope.contract.enum_of(field)
    table = write_table(scope.contract, enum, scope.dialect)
    if scope.is_admin:
        # A value from a newer contract than this one is written as the zero value.
        return f"{table}.get({value}, {quoted(spelling(enum, enum.values[0], scope.dialect))})"
    native = NATIVE + field.name
    if any(f.name == native for f in scope.message.fields):
        return f"{table}.get({value}) or message.{native} or None"
    return f"{table}.get({value})"


def _bare(scope: Scope) -> None:
    message = scope.message
    with scope.body.block(
        f"def {writer(message)}(message: {module(message.file)}.{message.name}) -> object:"
    ):
        scope.body.line(f'"""Return the JSON of a `{message.name}`: the value that is set."""')
        if not message.oneofs:
            scope.body.line(f"return {_member_value(scope, message.fields[0])}")
        else:
            _bare_choice(scope, message.oneofs[0])
    scope.body.gap()


def _bare_choice(scope: Scope, oneof: Oneof) -> None:
    with scope.body.block(f'match message.WhichOneof("{oneof.name}"):'):
        for field in oneof.fields:
            with scope.body.block(f"case {quoted(field.name)}:"):
                scope.body.line(f"return {_member_value(scope, field)}")
        with scope.body.block("case _:"):
            scope.body.line("return None")


def _as_text(scope: Scope, text: Field) -> None:
    """Add the function that writes a message as a bare string where only one field is set."""
    message = scope.message
    with scope.body.block(
        f"def {bare_text(message)}(message: {module(message.file)}.{message.name}) -> str | None:"
    ):
        scope.body.line(f'"""Return `{text.name}` if nothing else is set, or None."""')
        others = [_is_set(f) for f in message.fields if f is not text and not f.oneof]
        chosen = f'message.WhichOneof("{text.oneof}") != {quoted(text.name)}'
        with scope.body.block(f"if {' or '.join([chosen] * bool(text.oneof) + others)}:"):
            scope.body.line("return None")
        scope.body.line(f"return {_value(scope, text, f'message.{text.name}')}")
    scope.body.gap()
