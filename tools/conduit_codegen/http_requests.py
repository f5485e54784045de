"""Writes the functions that make a request message of an HTTP request."""

from .contract import Binding, Contract, Dialect, Field, Kind, Message, Rpc
from .http_paths import header_field, path_fields, query_fields
from .http_values import assign, part_assign
from .json_names import filler, members
from .json_values import Scope
from .naming import module, snake
from .source import Source, quoted, tuple_of

FILE_NAME = "filename"
IF_MATCH = "if-match"


def header_reader(message: Message) -> str:
    """Return the name of the function that reads a message from headers."""
    return f"_{snake(message.name)}_of_headers"


def write_header_reader(scope: Scope) -> None:
    """Add the function that reads a message from headers."""
    message = scope.message
    message_type = f"{module(message.file)}.{message.name}"
    with scope.body.block(
        f"def {header_reader(message)}(headers: http.Headers) -> {message_type} | None:"
    ):
        doc = f"Return the `{message.name}` that headers say, or None where none does."
        scope.body.line(f'"""{doc}"""')
        for field in message.fields:
            scope.body.line(f'{field.name} = headers.get(b"{field.json.header}")')
        with scope.body.block(f"if {' is '.join(f.name for f in message.fields)} is None:"):
            scope.body.line("return None")
        scope.body.line(f"message = {message_type}()")
        for field in message.fields:
            with scope.body.block(f"if {field.name} is not None:"):
                value = f"http.header_text({field.name})"
                assign(scope, field, value, quoted(field.json.header))
        scope.body.line("return message")
    scope.body.gap()


class RequestReader:
    """Adds the function that reads the request of one binding."""

    def __init__(self, contract: Contract, rpc: Rpc, binding: Binding, body: Source) -> None:
        self._contract = contract
        self._rpc = rpc
        self._binding = binding
        self._body = body
        self._message = contract.messages[rpc.request]
        self._scope = Scope(contract, self._message, body)

    def write(self, name: str) -> None:
        """Add the function."""
        last = "parts: Sequence[http.Part]" if self._rpc.multipart else "body: bytes"
        arguments = f"path: http.Path, query: http.Query, headers: http.Headers, {last}"
        with self._body.block(f"def {name}({arguments}) -> {self._type}:"):
            route = f"{self._binding.verb} {self._binding.path}"
            self._body.line(f'"""Return the request that `{route}` says."""')
            self._start()
            self._query()
            self._headers()
            for field in path_fields(self._binding, self._message):
                value = f"path[{quoted(field.name)}]"
                assign(self._scope, field, value, quoted(field.member))
            self._body.line("return message")
        self._body.gap()

    @property
    def _type(self) -> str:
        return f"{module(self._message.file)}.{self._message.name}"

    def _start(self) -> None:
        """Add the making of the message, with what the body carries."""
        name = self._frame() or self._binding.body
        field = None if name in {"", "*"} else self._message.field(name)
        if field is not None and field.json.raw:
            self._body.line(f"message = {self._type}({field.name}=body)")
            return
        self._body.line(f"message = {self._type}()")
        if self._rpc.multipart:
            self._form(field)
        elif name:
            target = "message" if field is None else f"message.{field.name}"
            held = self._message if field is None else self._contract.message_of(field)
            with self._body.block("if body:"):
                if (mask := self._message.update_mask) is None:
                    self._body.line(f'{filler(held)}({target}, json.parse(body), "")')
                else:
                    self._masked(held, target, mask)

    def _masked(self, held: Message, target: str, mask: Field) -> None:
        """Add the reading of a body that changes what it names, `null` and empty lists included."""
        self._body.line("members = json.parse(body)")
        self._body.line(f'{filler(held)}({target}, members, "")')
        pairs = ", ".join(
            f"{quoted(f.member)}: {quoted(f.name)}" for f in members(self._contract, held)
        )
        names = f"json.named(members, {{{pairs}}})"
        self._body.line(f"message.{mask.name}.paths.extend({names})")

    def _frame(self) -> str:
        """Return the field that a WebSocket message fills; empty for other requests."""
        if self._rpc.framing != "FRAMING_WEBSOCKET":
            return ""
        return next(field.name for field in self._message.fields if field.json.raw)

    def _query(self) -> None:
        fields = query_fields(self._contract, self._binding, self._message)
        is_strict = self._rpc.dialect is Dialect.ADMIN
        if not fields:
            if is_strict:
                self._body.line("http.refuse_parameters(query)")
            return
        self._body.line("for name, value in query:")
        with self._body.indented(), self._body.block("match name:"):
            for field in fields:
                with self._body.block(f"case {quoted(field.member)}:"):
                    assign(self._scope, field, "value", "name")
            if is_strict:
                known = tuple_of(f.member for f in fields)
                with self._body.block("case _:"):
                    self._body.line(f"http.refuse_parameter(name, {known})")

    def _headers(self) -> None:
        for own in self._message.fields:
            if own.json.header:
                name = quoted(own.json.header)
                with self._body.block(f"if ({own.name} := headers.get(b{name})) is not None:"):
                    read = "http.etag" if own.json.header == IF_MATCH else "http.header_text"
                    assign(self._scope, own, f"{read}({own.name})", name)
        field = header_field(self._contract, self._message)
        if field is not None:
            read = header_reader(self._contract.message_of(field))
            with self._body.block(f"if ({field.name} := {read}(headers)) is not None:"):
                self._body.line(f"message.{field.name}.CopyFrom({field.name})")

    def _form(self, field: Field | None) -> None:
        """Add the reading of the parts of a form, into the message or into a field of it."""
        form = self._message if field is None else self._contract.message_of(field)
        self._body.line("form = message" + (f".{field.name}" if field else ""))
        self._body.line("for part in parts:")
        with self._body.indented():
            self._body.line("name = http.part_name(part)")
            with self._body.block("match name:"):
                for member in form.fields:
                    with self._body.block(f"case {quoted(member.member)}:"):
                        self._part(form, member)
                if form.dialect is Dialect.ADMIN:
                    known = tuple_of(f.member for f in form.fields)
                    with self._body.block("case _:"):
                        self._body.line(f"http.refuse_part(name, {known})")

    def _part(self, form: Message, field: Field) -> None:
        part_assign(Scope(self._contract, form, self._body), field)
        if field.kind is Kind.BYTES and any(f.name == FILE_NAME for f in form.fields):
            with self._body.block("if part.filename is not None:"):
                self._body.line(f"form.{FILE_NAME} = part.filename")
