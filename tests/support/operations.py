"""Operations, found by name: their calls and answers in both forms, as the contract has them."""

from typing import Any

import orjson
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from tests.contract.converters import converter

from conduit.v1 import options_pb2
from conduit.v1.router_service_pb2 import DESCRIPTOR
from conduit_providers.calls import Answer, Form
from conduit_providers.operation import (
    AnsweredOperation,
    AnyAnsweredOperation,
    AnyOperation,
    JsonOperation,
)
from conduit_providers.operations import operation

ROUTER = DESCRIPTOR.services_by_name["RouterService"]


def form_of(name: str, json: bytes) -> Form[Any]:
    """Return a request's JSON as calls of an operation hold it."""
    found = operation(name)
    assert isinstance(found, JsonOperation)
    return found.plain_form(json)


def typed_json(name: str, answer: Answer[Any]) -> Any:  # noqa: ANN401 # JSON
    """Return the JSON of what a typed caller of an operation gets."""
    response: Any = GetMessageClass(_rpc(name).output_type)()
    operation_named(name).write(response, answer, is_typed=True)
    # What is never JSON by itself is the only field beside the report.
    has_forms = "form" in response.DESCRIPTOR.oneofs_by_name
    field = response.WhichOneof("form") if has_forms else response.DESCRIPTOR.fields[0].name
    message = getattr(response, field)
    return orjson.loads(orjson.dumps(converter(message.DESCRIPTOR).write(message)))


def registered(name: str) -> AnyOperation:
    """Return an operation, whatever its answers are."""
    found = operation(name)
    assert found is not None
    return found


def operation_named(name: str) -> AnyAnsweredOperation:
    """Return an operation that has whole answers."""
    found = operation(name)
    assert isinstance(found, AnsweredOperation)
    return found


def _rpc(name: str) -> MethodDescriptor:
    """Return the RPC that answers whole."""
    return next(
        method
        for method in ROUTER.methods
        if method.GetOptions().Extensions[options_pb2.serving].operation == name
        and not method.server_streaming
    )
