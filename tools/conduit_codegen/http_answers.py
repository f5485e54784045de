"""Writes the functions that make an HTTP answer of a response message."""

from .contract import Binding, Contract, ContractError, Field, Kind, Message, Rpc
from .http_paths import header_field
from .http_reports import header_writer
from .json_names import writer
from .naming import module
from .source import Source, quoted

JSON_TYPE = "application/json"
EVENTS_TYPE = "text/event-stream"
BINARY_TYPE = "application/octet-stream"
CONTENT = "Content"
CONTENT_TYPE = "content_type"
BINARY = "FRAMING_BINARY"
ETAG = "etag"


def success_status(contract: Contract, rpc: Rpc) -> int:
    """Return the status of a successful answer."""
    return rpc.success_status or (200 if contract.messages[rpc.response].fields else 204)


def bytes_fields(message: Message) -> list[Field]:
    """Return the fields of bytes, of which at most one is set. Raises ContractError."""
    found = [field for field in message.fields if field.kind is Kind.BYTES]
    if not found:
        problem = f"{message.full_name} must have a field of bytes"
        raise ContractError(problem)
    return found


def content_field(contract: Contract, message: Message, binding: Binding) -> Field | None:
    """Return the field that is the answer's body in a media type of its own."""
    if not binding.response_body:
        return None
    field = message.field(binding.response_body)
    return field if field.type_name == f"{contract.package}.{CONTENT}" else None


class AnswerWriter:
    """Adds the functions that write the answers of one RPC."""

    def __init__(self, contract: Contract, rpc: Rpc, binding: Binding, body: Source) -> None:
        self._contract = contract
        self._rpc = rpc
        self._binding = binding
        self._body = body
        self._message = contract.messages[rpc.response]
        self._type = f"{module(self._message.file)}.{self._message.name}"

    @property
    def media_type(self) -> str:
        """The media type of the answer; empty where it has no body."""
        if not self._message.fields:
            return ""
        if self._content is not None:
            return BINARY_TYPE
        return {
            "FRAMING_SERVER_SENT_EVENTS": EVENTS_TYPE,
            BINARY: BINARY_TYPE,
        }.get(self._rpc.framing, JSON_TYPE)

    @property
    def tells_media_type(self) -> bool:
        """Return whether the messages say what media type the answer has."""
        return bool(self._reported_media_type)

    @property
    def _reported_media_type(self) -> str:
        """The expression of the media type that a message tells; empty where none does."""
        if self._content is not None:
            return f"message.{self._content.name}.{CONTENT_TYPE}"
        is_reported = any(f.name == CONTENT_TYPE for f in self._message.fields)
        return f"message.{CONTENT_TYPE}" if self._rpc.framing == BINARY and is_reported else ""

    @property
    def _content(self) -> Field | None:
        return content_field(self._contract, self._message, self._binding)

    @property
    def report(self) -> Field | None:
        """The field that the answer carries in headers."""
        return header_field(self._contract, self._message)

    @property
    def has_lines(self) -> bool:
        """Return whether the answer has headers of its own."""
        return self.report is not None or bool(self._etag)

    @property
    def _etag(self) -> str:
        """The expression of the etag of the resource that is the answer's body; empty without."""
        if not self._binding.response_body:
            return ""
        field = self._message.field(self._binding.response_body)
        if field.type_name not in self._contract.messages or field.repeated:
            return ""
        names = {member.name for member in self._contract.message_of(field).fields}
        return f"message.{field.name}.{ETAG}" if ETAG in names else ""

    def write_body(self, name: str) -> None:
        """Add the function that writes the body."""
        if not self._message.fields:
            return
        with self._body.block(f"def {name}(message: {self._type}) -> bytes:"):
            self._body.line(f'"""Write the answer of {self._rpc.name}."""')
            self._body.line(f"return {self._expression()}")
        self._body.gap()

    def _expression(self) -> str:
        message = self._message
        events = next((f for f in message.fields if f.json.events), None)
        match self._rpc.framing:
            case "FRAMING_BINARY":
                return " or ".join(f"message.{field.name}" for field in bytes_fields(message))
            case "FRAMING_SERVER_SENT_EVENTS" if events is not None:
                return f"message.{events.name}"
            case "FRAMING_SERVER_SENT_EVENTS":
                return f'{self._event_id()}b"data: " + {self._json()} + b"\\n\\n"'
            case "FRAMING_WEBSOCKET":
                return next(f"message.{field.name}" for field in message.fields if field.json.raw)
        if self._content is not None:
            return f"message.{self._content.name}.body"
        return self._json()

    def _event_id(self) -> str:
        """Return the expression of the line that names an event; nothing if no field does."""
        name, message = "message", self._message
        if self._binding.response_body:
            field = message.field(self._binding.response_body)
            name, message = f"message.{field.name}", self._contract.message_of(field)
        named = next((field for field in message.fields if field.json.event_id), None)
        return f'b"id: %d\\n" % {name}.{named.name} + ' if named is not None else ""

    def _json(self) -> str:
        """Return the expression of the whole answer's JSON, or of the field that stands for it."""
        if not self._binding.response_body:
            return f"orjson.dumps({writer(self._message)}(message))"
        field = self._message.field(self._binding.response_body)
        if field.json.raw:
            return f"message.{field.name}"
        if field.kind is not Kind.MESSAGE or field.repeated:
            problem = f"{self._rpc.name}: response_body must name a message or raw JSON"
            raise ContractError(problem)
        return f"orjson.dumps({writer(self._contract.message_of(field))}(message.{field.name}))"

    def write_report(self, name: str) -> None:
        """Add the function that writes the report as header lines."""
        if not self.has_lines:
            return
        with self._body.block(f"def {name}(message: {self._type}) -> bytes:"):
            self._body.line(f'"""Write the header lines of an answer of {self._rpc.name}."""')
            if (field := self.report) is None:
                self._body.line(f"return http.etag_line({self._etag})")
                self._body.gap()
                return
            with self._body.block(f"if not message.HasField({quoted(field.name)}):"):
                self._body.line('return b""')
            writes = header_writer(self._contract.message_of(field))
            self._body.line(f"return {writes}(message.{field.name})")
        self._body.gap()

    def write_media_type(self, name: str) -> None:
        """Add the function that tells the media type."""
        if not self.tells_media_type:
            return
        with self._body.block(f"def {name}(message: {self._type}) -> bytes | None:"):
            self._body.line(f'"""Tell the media type of an answer of {self._rpc.name}."""')
            value = self._reported_media_type
            self._body.line(f"return http.safe({value}).encode() if {value} else None")
        self._body.gap()
