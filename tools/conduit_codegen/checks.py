"""Rules of the contract that protoc does not know. A contract that breaks one is not generated."""

from collections.abc import Iterator

from .contract import Binding, Contract, Field, Kind, Message, Oneof, Rpc
from .http_paths import path_fields, segments
from .json_names import members
from .tables import reasons

SERVICE = "ACCESS_SERVICE"
ADMINISTRATOR = "ACCESS_ADMINISTRATOR"


def problems(contract: Contract) -> Iterator[str]:
    """Yield what is wrong, in one sentence each."""
    for message in contract.messages.values():
        yield from _message(contract, message)
    for rpc in contract.rpcs:
        yield from _rpc(contract, rpc)
    yield from _collisions(contract)
    for value in reasons(contract).values:
        failure = value.failure
        if not (failure and failure.code and failure.http_status and failure.openai_type):
            yield f"{value.name} does not say what it means to a client"


def internal_problems(contract: Contract) -> Iterator[str]:
    """Yield what is wrong with a contract that only our own services use."""
    for rpc in contract.rpcs:
        if rpc.access != SERVICE:
            yield f"{rpc.service}.{rpc.name} is internal but not for services alone"
        if rpc.bindings:
            yield f"{rpc.service}.{rpc.name} is internal but has an HTTP rule"


def _message(contract: Contract, message: Message) -> Iterator[str]:
    for field in message.fields:
        for problem in _field(field):
            yield f"{message.full_name}.{field.name}: {problem}"
    names = [
        name
        for field in members(contract, message)
        for name in (field.member, field.json.also)
        if name
    ]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{message.full_name} has two members {name}"
    if sum(field.json.unknown for field in message.fields) > 1:
        yield f"{message.full_name} keeps unknown members in two fields"
    if sum(field.json.null for field in message.fields) > 1:
        yield f"{message.full_name} says null in two fields"
    if (flat := message.flat) is not None:
        yield from _flat(contract, message, flat)


def _flat(contract: Contract, message: Message, oneof: Oneof) -> Iterator[str]:
    """Yield what is wrong with a message that is the members of one of several."""
    others = [f for f in members(contract, message) if f.oneof != oneof.name]
    if others:
        yield f"{message.full_name} is flat, and has members beside its choice"
    for field in oneof.fields:
        if not field.is_message:
            yield f"{message.full_name}.{field.name}: a flat choice must be a message"
        elif any(f.member == oneof.discriminator for f in contract.message_of(field).fields):
            problem = f"has a member {oneof.discriminator}, which is the choice's"
            yield f"{message.full_name}.{field.name}: {problem}"


def _field(field: Field) -> Iterator[str]:
    json = field.json
    if json.money and field.kind is not Kind.INT64:
        yield "money must be an int64"
    if (json.raw or json.unknown or json.events) and field.kind is not Kind.BYTES:
        yield "raw JSON, unknown members and events must be bytes"
    if json.text_member and not field.is_message:
        yield "only a message can stand behind a bare string"
    if json.single_or_list and not field.repeated:
        yield "only a repeated field can be a single value"
    if json.document and (field.kind is not Kind.STRING or field.repeated):
        yield "only a text can be the body itself"
    if json.null and field.kind is not Kind.BOOL:
        yield "only a boolean can stand for null"
    if any(name != name.lower() for name in (json.header, *json.other_headers)):
        yield "headers are lower-case"


def _rpc(contract: Contract, rpc: Rpc) -> Iterator[str]:
    where = f"{rpc.service}.{rpc.name}"
    if rpc.access == "ACCESS_UNSPECIFIED":
        yield f"{where} does not say who may call it"
    if (rpc.access == ADMINISTRATOR) != (rpc.role != "ROLE_UNSPECIFIED"):
        yield f"{where} must name a role if administrators may call it, and only then"
    if rpc.access == SERVICE:
        yield f"{where} is for services alone; declare it in the internal package"
    if rpc.bindings and rpc.server_streaming and rpc.framing == "FRAMING_UNSPECIFIED":
        yield f"{where} does not say how its stream is written"
    if rpc.client_streaming and rpc.bindings and not rpc.start:
        yield f"{where} does not say which field begins its stream"
    yield from _presets(contract, rpc)
    if rpc.form and not contract.filled_by_http(rpc).field(rpc.form).json.schema:
        yield f"{where}: {rpc.form} does not say what the form is"
    for binding in rpc.bindings:
        request = contract.filled_by_http(rpc)
        path_fields(binding, request)
        if binding.body not in ("", "*"):
            request.field(binding.body)


def _presets(contract: Contract, rpc: Rpc) -> Iterator[str]:
    paths = {"", *(binding.path for binding in rpc.bindings)}
    for preset in rpc.presets:
        field = contract.filled_by_http(rpc).field(preset.field)
        names = [v.name for v in contract.enum_of(field).values] if field.kind is Kind.ENUM else []
        if preset.value not in names or preset.path not in paths:
            where = f"{rpc.service}.{rpc.name}"
            yield f"{where}: no route sets {preset.field} to {preset.value} at {preset.path!r}"


def _collisions(contract: Contract) -> Iterator[str]:
    """Yield the routes that no request can tell apart."""
    taken: dict[tuple[object, ...], str] = {}
    for rpc in contract.rpcs:
        for binding in rpc.bindings:
            key = (binding.verb, _shape(binding), rpc.chosen_by, rpc.chosen_by_header)
            if key in taken:
                yield f"{rpc.name} and {taken[key]} share {binding.verb} {binding.path}"
            taken[key] = rpc.name


def _shape(binding: Binding) -> tuple[str | None, ...]:
    return tuple(s.verb or None if s.is_parameter else s.text for s in segments(binding))
