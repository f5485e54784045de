"""Writes `<noun>_form.py`: the converters of messages that forms say, from a form and to one."""

from collections.abc import Iterator

from .contract import Contract, ContractError, Field, File, Kind, Message
from .http_values import scalar_text
from .imports import import_lines
from .json_names import write_table
from .json_values import Scope
from .naming import module, snake
from .openapi_forms import FILE, form_type, part_name
from .source import NOTICE, Source, quoted, tuple_of

RUNTIMES = ("form_runtime as forms", "http_runtime as http", "json_runtime as json")


def form_modules(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each module."""
    folder = contract.package.replace(".", "/")
    said = {m.full_name: m for m in _said_by_forms(contract)}
    for file in contract.files:
        if messages := [m for m in file.messages if m.full_name in said]:
            yield f"{folder}/{file.noun}_form.py", _module(contract, file, messages)


def _said_by_forms(contract: Contract) -> Iterator[Message]:
    for rpc in contract.rpcs:
        if rpc.form:
            yield form_type(contract, contract.filled_by_http(rpc).field(rpc.form))


def _module(contract: Contract, file: File, messages: list[Message]) -> str:
    body = Source()
    for message in messages:
        scope = Scope(contract, message, body)
        _write_reader(scope)
        _write_writer(scope)
    head = Source()
    head.line(f'"""Form converters of protos/{file.name}. {NOTICE}"""\n')
    head.line("from __future__ import annotations\n")
    head.line("\n".join(import_lines(contract, body, RUNTIMES)))
    head.gap()
    return f"{head}{body}"


def _fields(message: Message) -> list[Field]:
    return [f for f in message.fields if not f.json.unknown and not f.json.null]


def _write_reader(scope: Scope) -> None:
    message, body = scope.message, scope.body
    kind = f"{module(message.file)}.{message.name}"
    with body.block(f"def {snake(message.name)}_from_form(form: form_pb2.Form) -> {kind}:"):
        body.line(f'"""Return the `{message.name}` that a form says. Raises JsonError."""')
        body.line(f"message = {kind}()")
        if message.unknown is not None:
            body.line("unknown: forms.Unknown = {}")
        body.line("for member in form.members:")
        with body.indented(), body.block("match forms.name_of(member):"):
            for field in _fields(message):
                with body.block(f"case {quoted(part_name(field))}:"):
                    body.line(_read(scope, field))
            with body.block("case name:"):
                known = tuple_of(part_name(field) for field in _fields(message))
                refusal = f"forms.refuse(name, {known})"
                keeps = message.unknown is not None
                body.line("forms.keep(unknown, name, member)" if keeps else refusal)
        if message.unknown is not None:
            with body.block("if unknown:"):
                body.line(f"message.{message.unknown.name} = forms.unknown_json(unknown)")
        body.line("return message")
    body.gap()


def _read(scope: Scope, field: Field) -> str:
    """Return the statement that reads a member into a field."""
    target, name = f"message.{field.name}", quoted(part_name(field))
    if field.is_message:
        item = f"{target}.add()" if field.repeated else target
        return f"forms.fill_file({item}{_file_of(scope, field)}, member)"
    if field.json.raw:
        return f"{target} = forms.raw(member)"
    value = scalar_text(scope, field, f"forms.text(member, {name})", name)
    return f"{target}.append({value})" if field.repeated else f"{target} = {value}"


def _file_of(scope: Scope, field: Field) -> str:
    """Return the place of the file in what a field holds. Raises ContractError if it has none."""
    file = f"{scope.contract.package}.{FILE}"
    if field.type_name == file:
        return ""
    for choice in scope.contract.message_of(field).fields:
        if choice.type_name == file:
            return f".{choice.name}"
    problem = f"{scope.message.full_name}.{field.name}: no form can carry its type"
    raise ContractError(problem)


def _write_writer(scope: Scope) -> None:
    message, body = scope.message, scope.body
    kind = f"{module(message.file)}.{message.name}"
    with body.block(f"def {snake(message.name)}_to_form(message: {kind}) -> form_pb2.Form:"):
        body.line(
            f'"""Return the form of a `{message.name}`, with its files where they are set."""'
        )
        body.line("form = form_pb2.Form()")
        for field in _fields(message):
            _write_member(scope, field)
        if message.unknown is not None:
            unknown = message.unknown.name
            known = tuple_of(part_name(field) for field in _fields(message))
            arguments = f"message.{unknown}, {known}, {quoted(unknown)}"
            body.line(f"forms.add_unknown(form, {arguments})")
        body.line("return form")
    body.gap()


def _write_member(scope: Scope, field: Field) -> None:
    value, body = f"message.{field.name}", scope.body
    if field.repeated:
        # By the brackets, whoever reads it knows a list of one.
        with body.block(f"for item in {value}:"):
            body.line(_write(scope, field, "item", f"{part_name(field)}[]"))
        return
    given = f'message.HasField("{field.name}")' if field.has_presence else value
    with body.block(f"if {given}:"):
        body.line(_write(scope, field, value, part_name(field)))


def _write(scope: Scope, field: Field, value: str, name: str) -> str:
    """Return the statement that adds a member."""
    if field.is_message:
        file = value
        if choice := _file_of(scope, field).removeprefix("."):
            file = f'{value}.{choice} if {value}.HasField("{choice}") else None'
        return f"forms.add_file(form, {quoted(name)}, {file})"
    if field.kind is Kind.ENUM:
        table = write_table(scope.contract, scope.contract.enum_of(field), scope.dialect)
        return f'forms.add(form, {quoted(name)}, {table}.get({value}) or "")'
    text = {
        Kind.STRING: value,
        Kind.BOOL: f'"true" if {value} else "false"',
        Kind.BYTES: f"forms.raw_text({value}, {quoted(field.member)})",
    }.get(field.kind, f"str({value})")
    return f"forms.add(form, {quoted(name)}, {text})"
