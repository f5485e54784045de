"""From the contract's routes to endpoints."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from conduit.v1 import call_pb2, options_pb2
from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.body_selected import BodySelectedEndpoint
from conduit_bridge.endpoints.plain import (
    PlainEventsEndpoint,
    PlainUnaryEndpoint,
    plain_call,
)
from conduit_bridge.endpoints.stream import EventsEndpoint, StreamEndpoint, WatchEndpoint
from conduit_bridge.endpoints.unary import (
    Backend,
    Endpoint,
    RouteEndpoint,
    UnaryEndpoint,
    UnservedEndpoint,
)
from conduit_bridge.metrics import Metrics
from conduit_kernel.auth import Authorizer


def endpoints(
    routes: Iterable[Route],
    backends: Mapping[str, Backend],
    metrics: Metrics,
    *,
    authorizer: Authorizer,
    stopping: asyncio.Event,
    heartbeat_seconds: float,
) -> list[Endpoint]:
    """Bind each route to the service it names; routes that share a path become twins."""
    usual: dict[tuple[str, str], RouteEndpoint] = {}
    chosen: dict[tuple[str, str], dict[str, Endpoint]] = {}
    for route in routes:
        place = (route.verb, route.path)
        endpoint = _endpoint(
            route,
            backends[route.service],
            metrics,
            authorizer=authorizer,
            stopping=stopping,
            heartbeat_seconds=heartbeat_seconds,
        )
        if route.chosen_by:
            chosen.setdefault(place, {})[route.chosen_by] = endpoint
        else:
            usual[place] = endpoint
    return [
        BodySelectedEndpoint(endpoint, chosen[place]) if place in chosen else endpoint
        for place, endpoint in usual.items()
    ]


def _endpoint(
    route: Route,
    backend: Backend,
    metrics: Metrics,
    *,
    authorizer: Authorizer,
    stopping: asyncio.Event,
    heartbeat_seconds: float,
) -> RouteEndpoint:
    counts = metrics.add(route.verb, route.path, route.rpc)
    match route.framing:
        case options_pb2.FRAMING_UNSPECIFIED:
            if (plain := plain_call(route, backend)) is not None:
                return PlainUnaryEndpoint(
                    route, backend, counts, authorizer=authorizer, plain=plain
                )
            return UnaryEndpoint(route, backend, counts, authorizer=authorizer)
        case options_pb2.FRAMING_SERVER_SENT_EVENTS:
            return _events_kind(route, backend, stopping)(
                route,
                backend,
                counts,
                authorizer=authorizer,
                heartbeat_seconds=heartbeat_seconds,
            )
        case options_pb2.FRAMING_BINARY:
            return StreamEndpoint(route, backend, counts, authorizer=authorizer)
        case _:
            return UnservedEndpoint(route, backend, counts, authorizer=authorizer)


def _events_kind(
    route: Route, backend: Backend, stopping: asyncio.Event
) -> Callable[..., EventsEndpoint]:
    if (plain := plain_call(route, backend)) is not None:
        return partial(PlainEventsEndpoint, plain=plain)
    if route.dialect == options_pb2.DIALECT_OPENAI:
        return EventsEndpoint
    return partial(WatchEndpoint, stopping=stopping)


def report_fields() -> list[str]:
    """Return the names of the fields that tell what was done for a call."""
    return [
        field.GetOptions().Extensions[options_pb2.as_json].header
        for field in call_pb2.CallReport.DESCRIPTOR.fields
    ]
