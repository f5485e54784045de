"""The contract as the writers see it: plain values, with every option resolved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class ContractError(Exception):
    """The contract breaks a rule that the generator depends on."""


class Dialect(StrEnum):
    """A way of spelling JSON."""

    ADMIN = "ADMIN"
    OPENAI = "OPENAI"
    # Of RPCs alone; their messages are OPENAI's.
    ANTHROPIC = "ANTHROPIC"
    RESPONSES = "RESPONSES"
    GOOGLE = "GOOGLE"


class Kind(StrEnum):
    """The type of a field."""

    STRING = "string"
    BYTES = "bytes"
    BOOL = "bool"
    INT32 = "int32"
    INT64 = "int64"
    UINT32 = "uint32"
    UINT64 = "uint64"
    DOUBLE = "double"
    ENUM = "enum"
    MESSAGE = "message"


INTEGERS = (Kind.INT32, Kind.INT64, Kind.UINT32, Kind.UINT64)

TIMESTAMP = "google.protobuf.Timestamp"
DURATION = "google.protobuf.Duration"
STRUCT = "google.protobuf.Struct"
FIELD_MASK = "google.protobuf.FieldMask"
WELL_KNOWN = (TIMESTAMP, DURATION, STRUCT, FIELD_MASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonOptions:
    """The option `as_json` of a field; the members are those of the message `Json`."""

    name: str = ""
    raw: bool = False
    schema: str = ""
    unknown: bool = False
    text_member: str = ""
    single_or_list: bool = False
    money: bool = False
    always: bool = False
    header: str = ""
    other_headers: Sequence[str] = ()
    secret: bool = False
    bare: bool = False
    events: bool = False
    null: bool = False
    part: str = ""
    event_id: bool = False
    required: bool = False
    document: str = ""
    also: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """The option `limits` of a field; the members are those of the message `Limits`."""

    min_length: int = 0
    max_length: int = 0
    characters: str = "CHARACTERS_UNSPECIFIED"
    pattern: str = ""
    format: str = ""
    min_items: int = 0
    max_items: int = 0
    max_seconds: int = 0
    least: float | None = None
    more_than: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a message.

    `name` is the protobuf name, `member` the JSON member's. `type_name` is the full name of the
    message or enum. `has_presence` tells unset from zero. `map_key` is the kind of a map's keys;
    `kind` is then that of its values.
    """

    name: str
    number: int
    member: str
    kind: Kind
    type_name: str = ""
    repeated: bool = False
    map_key: Kind | None = None
    has_presence: bool = False
    is_optional: bool = False
    oneof: str = ""
    json: JsonOptions = field(default_factory=JsonOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
    comment: str = ""

    @property
    def is_message(self) -> bool:
        """Return whether it holds one message or several."""
        return self.kind is Kind.MESSAGE and self.map_key is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Oneof:
    """A oneof; `discriminator` is the JSON member that names the field that is set, or empty.

    `flat` if the members of the field's value stand beside the discriminator.
    """

    name: str
    discriminator: str
    flat: bool
    fields: tuple[Field, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `is_bare` when its JSON is the value of the one field that is set."""

    name: str
    full_name: str
    file: str
    dialect: Dialect
    fields: tuple[Field, ...]
    oneofs: tuple[Oneof, ...]
    is_bare: bool = False
    comment: str = ""

    def field(self, name: str) -> Field:
        """Return the field of this protobuf name. Raises ContractError."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        problem = f"{self.full_name} has no field {name}"
        raise ContractError(problem)

    @property
    def unknown(self) -> Field | None:
        """The field that keeps the members that the contract does not know."""
        return next((f for f in self.fields if f.json.unknown), None)

    @property
    def discriminated(self) -> Oneof | None:
        """The oneof whose choice a JSON member names."""
        return next((oneof for oneof in self.oneofs if oneof.discriminator), None)

    @property
    def flat(self) -> Oneof | None:
        """The oneof whose choice's members stand in this message's own object."""
        oneof = self.discriminated
        return oneof if oneof is not None and oneof.flat else None

    @property
    def null(self) -> Field | None:
        """The field that is set where JSON has null in place of the message."""
        return next((f for f in self.fields if f.json.null), None)

    def oneof_of(self, field: Field) -> Oneof | None:
        """Return the oneof that a field belongs to."""
        return next((oneof for oneof in self.oneofs if oneof.name == field.oneof), None)

    @property
    def update_mask(self) -> Field | None:
        """The field that names what an update changes."""
        return next((f for f in self.fields if f.type_name == FIELD_MASK), None)

    @property
    def is_in_headers(self) -> bool:
        """Return whether HTTP headers carry all of it."""
        return bool(self.fields) and all(f.json.header for f in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureOptions:
    """The option `failure` of an error reason; the members are those of the message `Failure`."""

    code: int = 0
    http_status: int = 0
    openai_type: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumValue:
    """A value of an enum; `spelling` is empty unless the contract gives one."""

    name: str
    number: int
    spelling: str = ""
    failure: FailureOptions | None = None
    refused: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enum:
    """An enum."""

    name: str
    full_name: str
    file: str
    values: tuple[EnumValue, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One HTTP rule of an RPC. `body` is empty, `*`, or the name of a field."""

    verb: str
    path: str
    body: str = ""
    response_body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A field that a route sets by itself; `path` is empty for all routes of its RPC."""

    path: str = ""
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpc:
    """An RPC. `access`, `role` and `framing` are names of enum values, such as `ACCESS_PUBLIC`.

    `start` and `form` name fields: of the request, and of the message that an HTTP request fills.
    """

    name: str
    service: str
    request: str
    response: str
    client_streaming: bool
    server_streaming: bool
    idempotent: bool
    access: str
    role: str
    dialect: Dialect
    framing: str
    success_status: int
    chosen_by: str
    chosen_by_header: str
    form: str
    start: str
    presets: tuple[Preset, ...]
    max_body_bytes: int
    bindings: tuple[Binding, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service."""

    name: str
    full_name: str
    rpcs: tuple[Rpc, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file; `noun` is its name without folder and ending."""

    name: str
    noun: str
    messages: tuple[Message, ...] = ()
    enums: tuple[Enum, ...] = ()
    services: tuple[Service, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """All files of a package, in order of name."""

    package: str
    files: tuple[File, ...]
    messages: Mapping[str, Message]
    enums: Mapping[str, Enum]

    @property
    def services(self) -> Iterator[Service]:
        """All services."""
        return (service for file in self.files for service in file.services)

    @property
    def rpcs(self) -> Iterator[Rpc]:
        """All RPCs."""
        return (rpc for service in self.services for rpc in service.rpcs)

    def message_of(self, field: Field) -> Message:
        """Return the message that a field holds."""
        return self.messages[field.type_name]

    def filled_by_http(self, rpc: Rpc) -> Message:
        """Return the message that an HTTP request fills: the request, or what begins a stream."""
        request = self.messages[rpc.request]
        return self.message_of(request.field(rpc.start)) if rpc.start else request

    def holds_nothing(self, field: Field) -> bool:
        """Return whether a field holds a message that has no fields, and so is only set or not."""
        return field.type_name in self.messages and not self.message_of(field).fields

    def enum_of(self, field: Field) -> Enum:
        """Return the enum that a field holds."""
        return self.enums[field.type_name]

    def dialects_of(self, enum: Enum) -> tuple[Dialect, ...]:
        """Return the dialects whose messages hold an enum."""
        return tuple(
            sorted(
                {
                    message.dialect
                    for message in self.messages.values()
                    for field in message.fields
                    if field.type_name == enum.full_name
                }
            )
        )
