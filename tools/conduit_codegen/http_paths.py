"""Which part of an HTTP request carries which field."""

import re
from typing import NamedTuple

from .contract import Binding, Contract, ContractError, Field, Kind, Message, Rpc
from .json_names import is_in_headers

# Only the rest of a path may have a verb.
PARAMETER = re.compile(r"\{(\w+)(?:=(\*\*)\}(?::(\w+))?|\})")


class PathSegment(NamedTuple):
    """A segment of a path template."""

    text: str
    is_parameter: bool = False
    takes_rest: bool = False
    # What stands behind a colon at its end.
    verb: str = ""


def segments(binding: Binding) -> tuple[PathSegment, ...]:
    """Return a path template in pieces. Raises ContractError where its form is not supported."""
    return tuple(_segment(text, binding.path) for text in binding.path.removeprefix("/").split("/"))


def _segment(text: str, path: str) -> PathSegment:
    if found := PARAMETER.fullmatch(text):
        takes_rest = found[2] is not None
        return PathSegment(found[1], is_parameter=True, takes_rest=takes_rest, verb=found[3] or "")
    if any(sign in text for sign in "{}*:"):
        problem = f"{path}: a segment must be literal, {{name}}, {{name=**}} or {{name=**}}:verb"
        raise ContractError(problem)
    return PathSegment(text)


def path_fields(binding: Binding, request: Message) -> tuple[Field, ...]:
    """Return the fields that the path carries."""
    return tuple(request.field(s.text) for s in segments(binding) if s.is_parameter)


def query_fields(contract: Contract, rpc: Rpc, binding: Binding) -> tuple[Field, ...]:
    """Return the fields that the query carries: those that nothing else does, and a query can."""
    request = contract.filled_by_http(rpc)
    document = document_field(binding, request)
    if binding.body == "*" and document is None:
        return ()
    elsewhere = {field.name for field in path_fields(binding, request)} | {binding.body}
    elsewhere |= {preset.field for preset in rpc.presets}
    return tuple(
        field
        for field in request.fields
        if field.name not in elsewhere
        and field is not document
        and not field.json.raw
        and not field.json.header
        and not is_in_headers(contract, field)
        and not (field.kind is Kind.MESSAGE and (field.oneof or field.repeated))
        # Over HTTP it is what the body names.
        and field is not request.update_mask
    )


def document_field(binding: Binding, request: Message) -> Field | None:
    """Return the text that a body may be itself, None where all bodies are JSON."""
    fields = request.fields if binding.body == "*" else ()
    return next((field for field in fields if field.json.document), None)


def header_field(contract: Contract, message: Message) -> Field | None:
    """Return the first field whose message is carried in headers."""
    return next((field for field in message.fields if is_in_headers(contract, field)), None)
