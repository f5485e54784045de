"""Writes the functions that make a request message of an HTTP request."""

import re
from typing import NamedTuple

from .contract import (
    DURATION,
    INTEGERS,
    TIMESTAMP,
    Binding,
    Contract,
    ContractError,
    Dialect,
    Field,
    Kind,
    Message,
    Rpc,
)
from .json_names import filler, read_table, write_table
from .json_readers import SLOW
from .naming import module, snake
from .source import Source, quoted

PARAMETER = re.compile(r"\{(\w+)(?:=(\*\*))?\}")
SCALARS = (Kind.STRING, Kind.BOOL, Kind.DOUBLE, Kind.ENUM, *INTEGERS)
FILLERS = {TIMESTAMP: "http.fill_timestamp", DURATION: "http.fill_duration"}
FILE_NAME = "filename"


class PathSegment(NamedTuple):
    """A segment of a path template."""

    text: str
    is_parameter: bool = False
    takes_rest: bool = False


def segments(binding: Binding) -> tuple[PathSegment, ...]:
    """Return a path template in pieces. Raises ContractError where it has a form that is not supported."""
    return tuple(_segment(text, binding.path) for text in binding.path.removeprefix("/").split("/"))


def _segment(text: str, path: str) -> PathSegment:
    if found := PARAMETER.fullmatch(text):
        return PathSegment(found[1], is_parameter=True, takes_rest=found[2] is not None)
    if any(sign in text for sign in "{}*:"):
        problem = f"{path}: a segment must be literal, {{name}} or {{name=**}}"
        raise ContractError(problem)
    return PathSegment(text)


def path_fields(binding: Binding, request: Message) -> tuple[Field, ...]:
    """Return the fields that the path carries."""
    return tuple(request.field(s.text) for s in segments(binding) if s.is_parameter)


def query_fields(contract: Contract, binding: Binding, request: Message) -> tuple[Field, ...]:
    """Return the fields that the query carries: those that nothing else does, and a query can."""
    if binding.body == "*":
        return ()
    elsewhere = {field.name for field in path_fields(binding, request)} | {binding.body}
    return tuple(
        field
        for field in request.fields
        if field.name not in elsewhere
        and not field.json.raw
        and not field.json.header
        and (not field.oneof or field.kind is not Kind.MESSAGE)
        and not (field.type_name in contract.messages and contract.message_of(field).is_in_headers)
    )


def header_field(contract: Contract, message: Message) -> Field | None:
    """Return the first field whose message is carried in headers."""
    return next(
        (
            field
            for field in message.fields
            if field.type_name in contract.messages and contract.message_of(field).is_in_headers
        ),
        None,
    )


def header_reader(message: Message) -> str:
    """Return the name of the function that reads a message from headers."""
    return f"_{snake(message.name)}_of_headers"


class HeaderReader:
    """Adds the function that reads a message from headers."""

    def __init__(self, contract: Contract, message: Message, body: Source) -> None:
        self._contract = contract
        self._message = message
        self._body = body

    def write(self) -> None:
        """Add the function."""
        message = self._message
        name = f"{module(message.file)}.{message.name}"
        with self._body.block(
            f"def {header_reader(message)}(headers: http.Headers) -> {name} | None:"
        ):
            self._body.line(
                f'"""Return the `{message.name}` that headers say; None where none does."""'
            )
            variables = [f.name for f in message.fields]
            for field in message.fields:
                self._body.line(f'{field.name} = headers.get(b"{field.json.header}")')
            with self._body.block(f"if {' is '.join([*variables, 'None'])}:"):
                self._body.line("return None")
            self._body.line(f"message = {name}()")
            for field in message.fields:
                with self._body.block(f"if {field.name} is not None:"):
                    _assign(
                        self._contract,
                        message.dialect,
                        self._body,
                        field,
                        f"http.header_text({field.name})",
                        quoted(field.json.header),
                    )
            self._body.line("return message")
        self._body.gap()


def _assign(
    contract: Contract, dialect: Dialect, body: Source, field: Field, value: str, name: str
) -> None:
    """Add the reading of a field from a text: a parameter, a header or a part of a form."""
    target = f"message.{field.name}"
    if field.type_name in FILLERS:
        body.line(f"{FILLERS[field.type_name]}({target}, {value}, {name})")
        return
    expression = _scalar(contract, dialect, field, value, name)
    body.line(f"{target}.append({expression})" if field.repeated else f"{target} = {expression}")


def _scalar(contract: Contract, dialect: Dialect, field: Field, value: str, name: str) -> str:
    if field.kind not in SCALARS:
        problem = f"{field.name}: neither query, header nor form can carry its type"
        raise ContractError(problem)
    if field.kind is Kind.STRING:
        return value
    if field.kind is Kind.BOOL:
        return f"http.boolean({value}, {name})"
    if field.kind is Kind.ENUM:
        enum = contract.enum_of(field)
        tables = f"{read_table(contract, enum, dialect)}, {write_table(contract, enum, dialect)}"
        read = "any_case" if dialect is Dialect.ADMIN else "spelled"
        return f"json.{read}({value}, {tables}, {name})"
    return f"json.{'nano_dollars' if field.json.money else SLOW[field.kind]}({value}, {name})"


class RequestReader:
    """Adds the function that reads the request of one binding."""

    def __init__(self, contract: Contract, rpc: Rpc, binding: Binding, body: Source) -> None:
        self._contract = contract
        self._rpc = rpc
        self._binding = binding
        self._body = body
        self._message = contract.messages[rpc.request]
        self._type = f"{module(self._message.file)}.{self._message.name}"

    def write(self, name: str) -> None:
        """Add the function."""
        last = "parts: Sequence[http.Part]" if self._rpc.multipart else "body: bytes"
        with self._body.block(f"def {name}("):
            self._body.line(f"path: http.Path, query: http.Query, headers: http.Headers, {last}")
        with self._body.block(f") -> {self._type}:"):
            self._body.line(
                f'"""Read the request of `{self._binding.verb} {self._binding.path}`."""'
            )
            self._start()
            self._query()
            self._headers()
            self._path()
            self._body.line("return message")
        self._body.gap()

    def _start(self) -> None:
        """Add the making of the message, with what the body carries."""
        body = self._binding.body or self._frame()
        field = None if body in ("", "*") else self._message.field(body)
        if field is not None and field.json.raw:
            self._body.line(f"message = {self._type}({field.name}=body)")
            return
        self._body.line(f"message = {self._type}()")
        if self._rpc.multipart:
            self._form(self._message if field is None else self._contract.message_of(field), field)
        elif field is not None:
            nested = self._contract.message_of(field)
            with self._body.block("if body:"):
                self._body.line(f'{filler(nested)}(message.{field.name}, json.parse(body), "")')
        elif body == "*":
            with self._body.block("if body:"):
                self._body.line(f'{filler(self._message)}(message, json.parse(body), "")')

    def _frame(self) -> str:
        """Return the field that a WebSocket message fills."""
        if self._rpc.framing != "FRAMING_WEBSOCKET":
            return ""
        return next(field.name for field in self._message.fields if field.json.raw)

    def _query(self) -> None:
        fields = query_fields(self._contract, self._binding, self._message)
        is_strict = self._rpc.dialect is Dialect.ADMIN
        known = ", ".join(quoted(f.member) for f in fields) + ("," if len(fields) == 1 else "")
        if not fields and not is_strict:
            return
        if not fields:
            with self._body.block("if query:"):
                self._body.line("http.refuse_parameter(query[0][0], ())")
            return
        with self._body.block("for name, value in query:"):
            with self._body.block("match name:"):
                for field in fields:
                    with self._body.block(f"case {quoted(field.member)}:"):
                        _assign(
                            self._contract,
                            self._message.dialect,
                            self._body,
                            field,
                            "value",
                            "name",
                        )
                if is_strict:
                    with self._body.block("case _:"):
                        self._body.line(f"http.refuse_parameter(name, ({known}))")

    def _headers(self) -> None:
        field = header_field(self._contract, self._message)
        if field is None:
            return
        reader = header_reader(self._contract.message_of(field))
        with self._body.block(f"if ({field.name} := {reader}(headers)) is not None:"):
            self._body.line(f"message.{field.name}.CopyFrom({field.name})")

    def _path(self) -> None:
        for field in path_fields(self._binding, self._message):
            value = f"path[{quoted(field.name)}]"
            _assign(
                self._contract,
                self._message.dialect,
                self._body,
                field,
                value,
                quoted(field.member),
            )

    def _form(self, form: Message, field: Field | None) -> None:
        """Add the reading of the parts of a form, into the message or a field of it."""
        if field is not None:
            self._body.line(f"form = message.{field.name}")
        target = "message" if field is None else "form"
        names = ", ".join(quoted(f.member) for f in form.fields)
        with self._body.block("for part in parts:"):
            # Clients mark lists by brackets behind the name.
            self._body.line('name = part.name.removesuffix("[]")')
            with self._body.block("match name:"):
                for member in form.fields:
                    with self._body.block(f"case {quoted(member.member)}:"):
                        self._part(form, member, target)
                if form.dialect is Dialect.ADMIN:
                    with self._body.block("case _:"):
                        self._body.line(f"http.refuse_part(name, ({names}))")

    def _part(self, form: Message, field: Field, target: str) -> None:
        name = f"{target}.{field.name}"
        if field.kind is not Kind.BYTES:
            value = _scalar(self._contract, form.dialect, field, "http.part_text(part)", "name")
            self._body.line(f"{name}.append({value})" if field.repeated else f"{name} = {value}")
            return
        self._body.line(f"{name}.append(part.body)" if field.repeated else f"{name} = part.body")
        if any(f.name == FILE_NAME for f in form.fields):
            with self._body.block("if part.filename is not None:"):
                self._body.line(f"{target}.{FILE_NAME} = part.filename")
