"""From the contract's routes to endpoints."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conduit.v1 import call_pb2, options_pb2
from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.body_selected import BodySelectedEndpoint
from conduit_bridge.endpoints.content_array import ContentEventsEndpoint
from conduit_bridge.endpoints.content_stream import ContentStreamEndpoint
from conduit_bridge.endpoints.form import (
    FormEndpoint,
    FormEventsEndpoint,
    FormRoute,
    FormUnaryEndpoint,
)
from conduit_bridge.endpoints.header_selected import HeaderSelectedEndpoint
from conduit_bridge.endpoints.mcp import McpEndpoint
from conduit_bridge.endpoints.passthrough import PassthroughEndpoint
from conduit_bridge.endpoints.plain import (
    PlainEventsEndpoint,
    PlainModelEndpoint,
    PlainUnaryEndpoint,
    has_plain_call,
    is_model_beside,
)
from conduit_bridge.endpoints.query_selected import QuerySelectedEndpoint
from conduit_bridge.endpoints.stream import EventsEndpoint, WatchEndpoint
from conduit_bridge.endpoints.unary import (
    Backend,
    Edge,
    Endpoint,
    RouteEndpoint,
    UnaryEndpoint,
)
from conduit_bridge.endpoints.websocket import WebSocketEndpoint
from conduit_bridge.metrics import Metrics
from conduit_kernel.http import SpillSpace


def endpoints(
    routes: Iterable[Route],
    backends: Mapping[str, Backend],
    metrics: Metrics,
    edge: Edge,
    *,
    uploads: SpillSpace,
) -> list[Endpoint]:
    """Bind each route to the service it names; routes that share a path become twins.

    The files of forms are kept in `uploads`.
    """
    maker = _Maker(backends, metrics, edge)
    usual: dict[tuple[str, str], FormRoute] = {}
    chosen: dict[tuple[str, str], dict[str, FormRoute]] = {}
    by_header: dict[tuple[str, str], dict[str, Endpoint]] = {}
    for route in routes:
        place = (route.verb, route.path)
        bound = FormRoute(route, maker.endpoint(route))
        if route.chosen_by_header:
            by_header.setdefault(place, {})[route.chosen_by_header] = bound.endpoint
        elif route.chosen_by:
            chosen.setdefault(place, {})[route.chosen_by] = bound
        else:
            usual[place] = bound
    return [
        _headed(_joined(bound, chosen.get(place, {}), uploads), by_header.get(place, {}))
        for place, bound in usual.items()
    ]


def _headed(usual: Endpoint, by_header: dict[str, Endpoint]) -> Endpoint:
    """Return the one endpoint of a path at which headers may choose others."""
    return HeaderSelectedEndpoint(usual, by_header) if by_header else usual


def _joined(usual: FormRoute, chosen: dict[str, FormRoute], uploads: SpillSpace) -> Endpoint:
    """Return the one endpoint of a path."""
    if usual.route.read_form is not None:
        return FormEndpoint(usual, chosen, uploads)
    if not chosen:
        return usual.endpoint
    # What is only read has no body.
    kind = QuerySelectedEndpoint if usual.route.verb == "GET" else BodySelectedEndpoint
    return kind(usual.endpoint, {member: each.endpoint for member, each in chosen.items()})


class _Maker(NamedTuple):
    """Makes the endpoint of each route, by its framing."""

    backends: Mapping[str, Backend]
    metrics: Metrics
    edge: Edge

    def endpoint(self, route: Route) -> RouteEndpoint:
        counts = self.metrics.add(route.verb, route.path, route.rpc)
        backend = self.backends[route.service]
        return _kind(route, backend)(route, backend, counts, self.edge)


# Whose answers have more of their own than a media type.
_OWN_STREAMS: Mapping[str, type[RouteEndpoint]] = {
    "PassThrough": PassthroughEndpoint,
    "SendMcpMessage": McpEndpoint,
    "ListenMcp": McpEndpoint,
}


def _kind(route: Route, backend: Backend) -> type[RouteEndpoint]:
    match route.framing:
        case options_pb2.FRAMING_SERVER_SENT_EVENTS:
            return _events_kind(route, backend)
        case options_pb2.FRAMING_BINARY:
            return _OWN_STREAMS.get(route.rpc, ContentStreamEndpoint)
        case options_pb2.FRAMING_WEBSOCKET:
            return WebSocketEndpoint
    if route.read_form is not None:
        return FormUnaryEndpoint
    if not has_plain_call(route, backend):
        return UnaryEndpoint
    return PlainModelEndpoint if is_model_beside(route) else PlainUnaryEndpoint


def _events_kind(route: Route, backend: Backend) -> type[RouteEndpoint]:
    if route.read_form is not None:
        return FormEventsEndpoint
    if has_plain_call(route, backend):
        return PlainEventsEndpoint
    if route.dialect == options_pb2.DIALECT_GOOGLE:
        return ContentEventsEndpoint
    return WatchEndpoint if route.dialect == options_pb2.DIALECT_ADMIN else EventsEndpoint


def report_fields() -> list[str]:
    """Return the names of the fields that tell what was done for a call."""
    return [
        field.GetOptions().Extensions[options_pb2.as_json].header
        for field in call_pb2.CallReport.DESCRIPTOR.fields
    ]
