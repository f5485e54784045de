"""From the contract's routes to endpoints."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from conduit.v1 import call_pb2, options_pb2
from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.body_selected import BodySelectedEndpoint
from conduit_bridge.endpoints.content_stream import ContentStreamEndpoint
from conduit_bridge.endpoints.form import (
    FormEndpoint,
    FormEventsEndpoint,
    FormRoute,
    FormUnaryEndpoint,
)
from conduit_bridge.endpoints.plain import (
    PlainEventsEndpoint,
    PlainUnaryEndpoint,
    plain_call,
)
from conduit_bridge.endpoints.stream import EventsEndpoint, WatchEndpoint
from conduit_bridge.endpoints.unary import (
    Backend,
    Endpoint,
    RouteEndpoint,
    UnaryEndpoint,
)
from conduit_bridge.endpoints.websocket import WebSocketEndpoint
from conduit_bridge.metrics import Metrics
from conduit_kernel.auth import Authorizer
from conduit_kernel.http import SpillSpace


def endpoints(
    routes: Iterable[Route],
    backends: Mapping[str, Backend],
    metrics: Metrics,
    *,
    authorizer: Authorizer,
    stopping: asyncio.Event,
    heartbeat_seconds: float,
    uploads: SpillSpace,
) -> list[Endpoint]:
    """Bind each route to the service it names; routes that share a path become twins.

    - `stopping`: set when this process stops, which ends sessions and watches.
    - `uploads`: where the files of forms are kept.
    """
    maker = _Maker(backends, metrics, authorizer, stopping, heartbeat_seconds)
    usual: dict[tuple[str, str], FormRoute] = {}
    chosen: dict[tuple[str, str], dict[str, FormRoute]] = {}
    for route in routes:
        place = (route.verb, route.path)
        bound = FormRoute(route, maker.endpoint(route))
        if route.chosen_by:
            chosen.setdefault(place, {})[route.chosen_by] = bound
        else:
            usual[place] = bound
    return [_joined(bound, chosen.get(place, {}), uploads) for place, bound in usual.items()]


def _joined(usual: FormRoute, chosen: dict[str, FormRoute], uploads: SpillSpace) -> Endpoint:
    """Return the one endpoint of a path."""
    if usual.route.read_form is not None:
        return FormEndpoint(usual, chosen, uploads)
    if chosen:
        return BodySelectedEndpoint(usual.endpoint, {m: r.endpoint for m, r in chosen.items()})
    return usual.endpoint


class _Maker(NamedTuple):
    """Makes the endpoint of each route, by its framing."""

    backends: Mapping[str, Backend]
    metrics: Metrics
    authorizer: Authorizer
    stopping: asyncio.Event
    heartbeat_seconds: float

    def endpoint(self, route: Route) -> RouteEndpoint:
        counts = self.metrics.add(route.verb, route.path, route.rpc)
        backend = self.backends[route.service]
        return self._kind(route, backend)(route, backend, counts, authorizer=self.authorizer)

    def _kind(self, route: Route, backend: Backend) -> Callable[..., RouteEndpoint]:
        match route.framing:
            case options_pb2.FRAMING_SERVER_SENT_EVENTS:
                kind = self._events_kind(route, backend)
                return partial(kind, heartbeat_seconds=self.heartbeat_seconds)
            case options_pb2.FRAMING_BINARY:
                return partial(ContentStreamEndpoint, heartbeat_seconds=self.heartbeat_seconds)
            case options_pb2.FRAMING_WEBSOCKET:
                return partial(WebSocketEndpoint, stopping=self.stopping)
        if route.read_form is not None:
            return FormUnaryEndpoint
        if (plain := plain_call(route, backend)) is not None:
            return partial(PlainUnaryEndpoint, plain=plain)
        return UnaryEndpoint

    def _events_kind(self, route: Route, backend: Backend) -> Callable[..., EventsEndpoint]:
        if route.read_form is not None:
            return FormEventsEndpoint
        if (plain := plain_call(route, backend)) is not None:
            return partial(PlainEventsEndpoint, plain=plain)
        if route.dialect == options_pb2.DIALECT_OPENAI:
            return EventsEndpoint
        return partial(WatchEndpoint, stopping=self.stopping)


def report_fields() -> list[str]:
    """Return the names of the fields that tell what was done for a call."""
    return [
        field.GetOptions().Extensions[options_pb2.as_json].header
        for field in call_pb2.CallReport.DESCRIPTOR.fields
    ]
