"""The tables that the bridge and the interceptors look things up in are complete."""

from collections.abc import Iterator

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from tests.contract.converters import contract_files

from conduit.v1 import error_reason_pb2, methods, options_pb2
from conduit.v1.failures import FAILURES
from conduit.v1.http_routes import ROUTES, Route
from conduit.v1.methods import METHODS

VERBS = ("get", "put", "post", "delete", "patch")


def services() -> Iterator[ServiceDescriptor]:
    """Yield the services of the contract."""
    for file in contract_files():
        yield from file.services_by_name.values()


RPCS = [method for service in services() for method in service.methods]


def rules(method: MethodDescriptor) -> set[tuple[str, str]]:
    """Return the verbs and paths of an RPC."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    return {
        (verb.upper(), getattr(binding, verb))
        for binding in (rule, *rule.additional_bindings)
        for verb in VERBS
        if getattr(binding, verb)
    }


def routes(method: MethodDescriptor) -> list[Route]:
    """Return the routes of an RPC."""
    service = method.containing_service.name
    return [route for route in ROUTES if (route.service, route.rpc) == (service, method.name)]


@pytest.mark.parametrize("method", RPCS, ids=lambda method: method.name)
def test_every_http_rule_has_its_route(method: MethodDescriptor) -> None:
    """No rule of the contract is left out, and none is made up."""
    assert {(route.verb, route.path) for route in routes(method)} == rules(method)


@pytest.mark.parametrize("method", RPCS, ids=lambda method: method.name)
def test_routes_say_what_the_contract_says(method: MethodDescriptor) -> None:
    """Access, dialect, framing and limits are the contract's."""
    serving = method.GetOptions().Extensions[options_pb2.serving]
    for route in routes(method):
        assert route.access == serving.access
        assert route.dialect == (serving.dialect or options_pb2.DIALECT_ADMIN)
        assert route.framing == serving.framing
        assert route.chosen_by == serving.chosen_by
        assert route.chosen_by_header == serving.chosen_by_header
        assert route.max_body_bytes == serving.max_body_bytes
        assert route.client_streaming == method.client_streaming
        assert (route.read_form is not None) == bool(serving.form)
        assert route.read is not None or route.read_form is not None
        assert (route.read_frame is not None) == (serving.framing == options_pb2.FRAMING_WEBSOCKET)
        # The bytes of files follow where there is a stream that they can follow in.
        assert (route.chunk is not None) == bool(serving.form and method.client_streaming)


def test_most_rpcs_are_served_over_http() -> None:
    """The comparison above is about something."""
    assert len(ROUTES) > 50
    assert {route.service for route in ROUTES} == {service.name for service in services()}


def test_no_two_routes_collide() -> None:
    """A request's verb, path and what chooses lead to one route."""
    shapes = [
        (
            route.verb,
            tuple(f"{{}}{s.verb}" if s.is_parameter else s.text for s in route.segments),
            (route.chosen_by, route.chosen_by_header),
        )
        for route in ROUTES
    ]
    assert len(set(shapes)) == len(shapes)


def test_a_chosen_route_has_a_twin() -> None:
    """What a member of the body chooses is chosen over something."""
    chosen = [route for route in ROUTES if route.chosen_by or route.chosen_by_header]
    plain = {(route.verb, route.path) for route in ROUTES if route not in chosen}
    assert {(route.verb, route.path) for route in chosen} <= plain


def test_segments_are_those_of_the_path() -> None:
    """The parsed path says the same as the template."""
    for route in ROUTES:
        pieces = [
            f"{{{s.text}=**}}" if s.takes_rest else f"{{{s.text}}}" if s.is_parameter else s.text
            for s in route.segments
        ]
        verb = route.segments[-1].verb
        assert "/" + "/".join(pieces) + (f":{verb}" if verb else "") == route.path


@pytest.mark.parametrize("method", RPCS, ids=lambda method: method.name)
def test_every_rpc_is_in_the_table_of_methods(method: MethodDescriptor) -> None:
    """Interceptors find who may call, under the name that gRPC uses."""
    options = method.GetOptions()
    serving = options.Extensions[options_pb2.serving]
    found = METHODS[f"/{method.containing_service.full_name}/{method.name}"]
    assert found == methods.Method(
        access=serving.access,
        role=serving.role,
        dialect=serving.dialect or options_pb2.DIALECT_ADMIN,
        idempotent=options.idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN,
        server_streaming=method.server_streaming,
        client_streaming=method.client_streaming,
    )
    assert found.access != options_pb2.ACCESS_UNSPECIFIED


def test_the_table_of_methods_has_no_others() -> None:
    """It holds the contract's RPCs only."""
    assert len(METHODS) == len(RPCS)


def test_every_error_reason_has_a_meaning() -> None:
    """The table of failures is that of the enum, with valid codes and statuses."""
    names = [name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()]  # noqa: SIM118 # no dict
    assert list(FAILURES) == names
    for failure in FAILURES.values():
        assert 1 <= failure.code <= 16
        assert 400 <= failure.http_status <= 599
        assert failure.openai_type


def test_failures_are_those_of_the_contract() -> None:
    """By example: the reason that the guide shows."""
    found = FAILURES["PROVIDER_NOT_FOUND"]
    assert (found.code, found.http_status) == (5, 404)
