"""Writes the reading of one member of a JSON object, which the variable `member` holds."""

from .contract import ContractError, Dialect, Field, Kind
from .json_bare import json_types
from .json_names import members, null_field, read_table, text_field
from .json_values import READERS, Scope, bare_string, item_path, member_path, nested, scalar
from .naming import module
from .source import quoted

NATIVE = "native_"


def read_member(scope: Scope, field: Field) -> None:
    """Add the reading of a member, if it is there and not null, or null says something."""
    if (null := null_field(scope.contract, field)) is not None:
        _nullable(scope, field, null)
        return
    with scope.body.block(f"if (member := value.get({quoted(field.member)})) is not None:"):
        if field.map_key is not None:
            _map(scope, field)
        elif field.repeated:
            _repeated(scope, field)
        else:
            read_single(scope, field)


def _nullable(scope: Scope, field: Field, null: Field) -> None:
    with scope.body.block(f"if {quoted(field.member)} in value:"):
        with scope.body.block(f"if (member := value[{quoted(field.member)}]) is None:"):
            scope.body.line(f"message.{field.name}.{null.name} = True")
        with scope.body.block("else:"):
            read_single(scope, field)


def read_single(scope: Scope, field: Field) -> None:
    """Add the reading of a field that is not repeated."""
    target = f"message.{field.name}"
    at = member_path(field)
    if not field.is_message:
        if field.kind is Kind.ENUM and scope.dialect is Dialect.OPENAI:
            _lenient_enum(scope, field)
        else:
            scope.body.line(f"{target} = {scalar(scope, field, 'member', at)}")
    elif field.json.text_member:
        text = text_field(scope.contract, field)
        with scope.body.block("if isinstance(member, str):"):
            scope.body.line(f"{target}.{text.name} = {bare_string(scope, text, at)}")
        with scope.body.block("else:"):
            scope.body.line(nested(scope, field, target, "member", at))
    else:
        scope.body.line(nested(scope, field, target, "member", at))


def _lenient_enum(scope: Scope, field: Field) -> None:
    """Add the reading of an enum whose unknown spellings are kept in a sibling, or lost."""
    enum = scope.contract.enum_of(field)
    table = read_table(scope.contract, enum, scope.dialect)
    zero = f"{module(enum.file)}.{enum.values[0].name}"
    text = f"runtime.text(member, {member_path(field)})"
    scope.body.line(f"message.{field.name} = {table}.get({text}, {zero})")
    if any(f.name == NATIVE + field.name for f in members(scope.contract, scope.message)):
        with scope.body.block(f"if member and not message.{field.name}:"):
            scope.body.line(f"message.{NATIVE}{field.name} = member")


def _map(scope: Scope, field: Field) -> None:
    where = f"{scope.message.full_name}.{field.name}"
    if field.kind is Kind.MESSAGE:
        problem = f"{where}: maps of messages are not supported"
        raise ContractError(problem)
    if field.map_key is Kind.BOOL:
        problem = f"{where}: maps by booleans are not supported"
        raise ContractError(problem)
    place = f'f"{{path}}{field.member}.{{name}}"'
    key = "name"
    if field.map_key is not None and field.map_key is not Kind.STRING:
        key = f"runtime.{READERS[field.map_key]}(name, {place})"
    pairs = f"runtime.members(member, {member_path(field)}).items()"
    with scope.body.block(f"for name, item in {pairs}:"):
        scope.body.line(f"message.{field.name}[{key}] = {scalar(scope, field, 'item', place)}")


def _repeated(scope: Scope, field: Field) -> None:
    if field.json.text_member:
        _list_or_text(scope, field)
    elif not field.json.single_or_list:
        _list(scope, field)
    else:
        with scope.body.block(f"if {_is_list(scope, field)}:"):
            _list(scope, field)
        with scope.body.block("else:"):
            _one(scope, field)


def _list(scope: Scope, field: Field) -> None:
    target, at = f"message.{field.name}", member_path(field)
    if field.kind is Kind.DOUBLE:
        scope.body.line(f"{target}.extend(runtime.doubles(member, {at}))")
    elif field.kind not in {Kind.MESSAGE, Kind.ENUM}:
        read = f"runtime.{READERS[field.kind]}"
        scope.body.line(f"{target}.extend(runtime.listed({read}, member, {at}))")
    else:
        with scope.body.block(f"for index, item in enumerate(runtime.items(member, {at})):"):
            _item(scope, field)


def _item(scope: Scope, field: Field) -> None:
    target, at = f"message.{field.name}", item_path(field)
    if field.is_message:
        scope.body.line(nested(scope, field, f"{target}.add()", "item", at))
    else:
        scope.body.line(f"{target}.append({scalar(scope, field, 'item', at)})")


def _one(scope: Scope, field: Field) -> None:
    """Add the reading of a value that stands for a list of one."""
    target, at = f"message.{field.name}", member_path(field)
    if field.is_message:
        scope.body.line(nested(scope, field, f"{target}.add()", "member", at))
    else:
        scope.body.line(f"{target}.append({scalar(scope, field, 'member', at)})")


def _is_list(scope: Scope, field: Field) -> str:
    """Return the condition on which a value is a list of values, not one value that is a list."""
    is_list = "isinstance(member, list)"
    types = json_types(scope.contract, scope.contract.message_of(field)) if field.is_message else []
    if "list" not in types:
        return is_list
    return f"{is_list} and (not member or isinstance(member[0], ({', '.join(types)})))"


def _list_or_text(scope: Scope, field: Field) -> None:
    text, at = text_field(scope.contract, field), member_path(field)
    with scope.body.block("if isinstance(member, str):"):
        value = bare_string(scope, text, at)
        scope.body.line(f"message.{field.name}.add().{text.name} = {value}")
    with scope.body.block("elif isinstance(member, list):"):
        scope.body.line("for index, item in enumerate(member):")
        with scope.body.indented():
            _item(scope, field)
    with scope.body.block("else:"):
        scope.body.line(f'runtime.reject({at}, "a string or a list", member)')
