"""Writes the functions that make a request message of an HTTP request."""

from collections.abc import Iterator
from contextlib import contextmanager

from .contract import Binding, Contract, Dialect, Field, Kind, Message, Rpc
from .http_paths import document_field, header_field, path_fields, query_fields
from .http_values import assign
from .json_names import filler, members
from .json_values import Scope
from .naming import module, snake
from .source import Source, quoted, tuple_of

FILE_CHUNK = "FileChunk"
WEBSOCKET = "FRAMING_WEBSOCKET"
IF_MATCH = "if-match"


def takes_json(rpc: Rpc, binding: Binding) -> bool:
    """Return whether a route's requests can be other than forms."""
    return not rpc.form or binding.body != rpc.form


def chunk_field(contract: Contract, rpc: Rpc) -> Field | None:
    """Return the field of a streamed request that brings the bytes of files."""
    name = f"{contract.package}.{FILE_CHUNK}"
    fields = contract.messages[rpc.request].fields if rpc.client_streaming else ()
    return next((field for field in fields if field.type_name == name), None)


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
            scope.body.line(f"{field.name} = {_header_of(field)}")
        with scope.body.block(f"if {' is '.join(f.name for f in message.fields)} is None:"):
            scope.body.line("return None")
        scope.body.line(f"message = {message_type}()")
        for field in message.fields:
            with scope.body.block(f"if {field.name} is not None:"):
                _assign_header(scope, field)
        scope.body.line("return message")
    scope.body.gap()


def _header_of(field: Field) -> str:
    names = (field.json.header, *field.json.other_headers)
    if len(names) == 1:
        return f'headers.get(b"{names[0]}")'
    return f"http.first_header(headers, ({', '.join(f'b{quoted(name)}' for name in names)}))"


def _assign_header(scope: Scope, field: Field) -> None:
    if field.repeated and field.kind is Kind.STRING:
        scope.body.line(f"message.{field.name}.extend(http.header_list({field.name}))")
    else:
        assign(scope, field, f"http.header_text({field.name})", quoted(field.json.header))


class RequestReader:
    """Adds the function that reads the request of one binding."""

    def __init__(self, contract: Contract, rpc: Rpc, binding: Binding, body: Source) -> None:
        self._contract = contract
        self._rpc = rpc
        self._binding = binding
        self._body = body
        self._request = contract.messages[rpc.request]
        self._message = contract.filled_by_http(rpc)
        self._scope = Scope(contract, self._message, body)

    def write(self, name: str) -> None:
        """Add the function that reads a body that is no form."""
        with self._reading(name, "body: bytes"):
            self._start()

    def write_form(self, name: str) -> None:
        """Add the function that takes a form."""
        with self._reading(name, "form: form_pb2.Form"):
            self._body.line(f"message = {self._type}({self._rpc.form}=form)")

    def write_chunk(self, name: str, field: Field) -> None:
        """Add the function that makes a message of some bytes of a file."""
        request = _type_of(self._request)
        with self._body.block(f"def {name}(index: int, data: bytes) -> {request}:"):
            self._body.line('"""Return a message with some bytes of a file, from 0."""')
            chunk = f"form_pb2.{FILE_CHUNK}(index=index, data=data)"
            self._body.line(f"return {request}({field.name}={chunk})")
        self._body.gap()

    def write_frame(self, name: str) -> None:
        """Add the function that makes a message of what a WebSocket brings."""
        request = _type_of(self._request)
        field = next(field.name for field in self._request.fields if field.json.raw)
        with self._body.block(f"def {name}(text: bytes) -> {request}:"):
            self._body.line('"""Return the message that a WebSocket\'s text is."""')
            self._body.line(f"return {request}({field}=text)")
        self._body.gap()

    @contextmanager
    def _reading(self, name: str, last: str) -> Iterator[None]:
        """Add a function that reads a request; what is added within makes `message`."""
        arguments = f"path: http.Path, query: http.Query, headers: http.Headers, {last}"
        with self._body.block(f"def {name}({arguments}) -> {_type_of(self._request)}:"):
            route = f"{self._binding.verb} {self._binding.path}"
            self._body.line(f'"""Return the request that `{route}` says."""')
            yield
            self._presets()
            self._query()
            self._headers()
            for field in path_fields(self._binding, self._message):
                value = f"path[{quoted(field.name)}]"
                assign(self._scope, field, value, quoted(field.member))
            start = self._rpc.start
            whole = f"{_type_of(self._request)}({start}=message)" if start else "message"
            self._body.line(f"return {whole}")
        self._body.gap()

    @property
    def _type(self) -> str:
        return _type_of(self._message)

    def _presets(self) -> None:
        for preset in self._rpc.presets:
            if preset.path in {"", self._binding.path}:
                enum = self._contract.enum_of(self._message.field(preset.field))
                value = f"{module(enum.file)}.{preset.value}"
                self._body.line(f"message.{preset.field} = {value}")

    def _start(self) -> None:
        """Add the making of the message, with what the body carries."""
        name = self._binding.body
        field = None if name in {"", "*"} else self._message.field(name)
        if field is not None and field.json.raw:
            self._body.line(f"message = {self._type}({field.name}=body)")
            return
        self._body.line(f"message = {self._type}()")
        if name:
            target = "message" if field is None else f"message.{field.name}"
            held = self._message if field is None else self._contract.message_of(field)
            self._document()
            with self._body.block("if body:"):
                if (mask := self._message.update_mask) is None:
                    self._body.line(f'{filler(held)}({target}, json.parse(body), "")')
                else:
                    self._masked(held, target, mask)

    def _document(self) -> None:
        """Add the reading of a body that is a text of the message itself."""
        field = document_field(self._binding, self._message)
        if field is None:
            return
        # Of `application/yaml` and its like, whatever they begin with.
        language = quoted(field.json.document.rpartition("/")[2])
        with self._body.block(f"if http.is_document(headers, body, b{language}):"):
            text = f"http.document_text(body, {quoted(field.member)})"
            self._body.line(f'message.{field.name}, body = {text}, b""')

    def _masked(self, held: Message, target: str, mask: Field) -> None:
        """Add the reading of a body that changes what it names, `null` and empty lists included."""
        self._body.line("members = json.parse(body)")
        self._body.line(f'{filler(held)}({target}, members, "")')
        pairs = ", ".join(
            f"{quoted(name)}: {quoted(f.name)}"
            for f in members(self._contract, held)
            for name in (f.member, f.json.also)
            if name
        )
        names = f"json.named(members, {{{pairs}}})"
        self._body.line(f"message.{mask.name}.paths.extend({names})")

    def _query(self) -> None:
        fields = query_fields(self._contract, self._rpc, self._binding)
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


def _type_of(message: Message) -> str:
    return f"{module(message.file)}.{message.name}"
