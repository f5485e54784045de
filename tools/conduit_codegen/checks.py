"""Rules of the contract that protoc does not know. A contract that breaks one is not generated."""

from collections.abc import Iterator

from .contract import Binding, Contract, Field, Kind, Message, Rpc
from .http_paths import path_fields, segments
from .json_names import members
from .tables import reasons

SERVICE = "ACCESS_SERVICE"


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
    names = [field.member for field in members(contract, message)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{message.full_name} has two members {name}"
    if sum(field.json.unknown for field in message.fields) > 1:
        yield f"{message.full_name} keeps unknown members in two fields"


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
    if json.header and json.header != json.header.lower():
        yield "headers are lower-case"


def _rpc(contract: Contract, rpc: Rpc) -> Iterator[str]:
    where = f"{rpc.service}.{rpc.name}"
    if rpc.access == "ACCESS_UNSPECIFIED":
        yield f"{where} does not say who may call it"
    if rpc.access == SERVICE:
        yield f"{where} is for services alone; declare it in the internal package"
    if rpc.bindings and rpc.server_streaming and rpc.framing == "FRAMING_UNSPECIFIED":
        yield f"{where} does not say how its stream is written"
    for binding in rpc.bindings:
        request = contract.messages[rpc.request]
        path_fields(binding, request)
        if binding.body not in ("", "*"):
            request.field(binding.body)


def _collisions(contract: Contract) -> Iterator[str]:
    """Yield the routes that no request can tell apart."""
    taken: dict[tuple[object, ...], str] = {}
    for rpc in contract.rpcs:
        for binding in rpc.bindings:
            key = (binding.verb, _shape(binding), rpc.chosen_by)
            if key in taken:
                yield f"{rpc.name} and {taken[key]} share {binding.verb} {binding.path}"
            taken[key] = rpc.name


def _shape(binding: Binding) -> tuple[str | None, ...]:
    return tuple(None if s.is_parameter else s.text for s in segments(binding))
