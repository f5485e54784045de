"""From the contract's routes to endpoints: each has the kind that its framing asks for."""

from collections import Counter
from pathlib import Path

import pytest
from tests.support.endpoints import Service, edge, elsewhere, here

from conduit.v1 import options_pb2
from conduit.v1.http_routes import ROUTES
from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.assembly import endpoints, report_fields
from conduit_bridge.endpoints.body_selected import BodySelectedEndpoint
from conduit_bridge.endpoints.content_stream import ContentStreamEndpoint
from conduit_bridge.endpoints.form import FormEndpoint
from conduit_bridge.endpoints.header_selected import HeaderSelectedEndpoint
from conduit_bridge.endpoints.plain import PlainUnaryEndpoint
from conduit_bridge.endpoints.query_selected import QuerySelectedEndpoint
from conduit_bridge.endpoints.stream import WatchEndpoint
from conduit_bridge.endpoints.unary import Backend, Endpoint, UnaryEndpoint
from conduit_bridge.endpoints.websocket import WebSocketEndpoint
from conduit_bridge.metrics import Metrics
from conduit_kernel.http import SpillSpace


class PlainRouter(Service):
    """A Router with plain forms of all its calls."""

    def plain_rpc(self, rpc: str) -> object:
        """Have it."""
        return (self, rpc)


def made(routes: tuple[Route, ...], router: Service | None = None) -> dict[str, Endpoint]:
    """Return the endpoints by their method and path."""
    services: dict[str, Backend] = {
        name: elsewhere(Service())
        for name in ("RegistryService", "HealthService", "BillingService")
    }
    services["RouterService"] = here(router or Service())
    found = endpoints(
        routes,
        services,
        Metrics(),
        edge(5.0),
        uploads=SpillSpace(Path()),
    )
    return {f"{e.counts.method} {e.counts.route}": e for e in found}


def test_every_place_of_the_contract_has_one_endpoint() -> None:
    """Whatever the number of routes at it."""
    places = {f"{route.verb} {route.path}" for route in ROUTES}
    assert made(ROUTES).keys() == places


def test_routes_that_share_a_place_are_joined() -> None:
    """The body chooses among them, of forms where they take forms, or the query, or a header."""
    shared = {place for place, n in Counter(f"{r.verb} {r.path}" for r in ROUTES).items() if n > 1}
    assert shared
    found = made(ROUTES)
    kinds = {
        *(BodySelectedEndpoint, FormEndpoint),
        *(HeaderSelectedEndpoint, QuerySelectedEndpoint),
    }
    assert {type(found[place]) for place in shared} == kinds


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("GET /api/providers", UnaryEndpoint),
        ("POST /v1/audio/speech", ContentStreamEndpoint),
        ("POST /v1/audio/transcriptions", FormEndpoint),
        ("GET /v1/realtime", WebSocketEndpoint),
    ],
)
def test_framing_decides_on_the_kind(place: str, kind: type[Endpoint]) -> None:
    """No route is known by its name."""
    assert type(made(ROUTES)[place]) is kind


def test_events_of_administrators_are_watches() -> None:
    """They may be hours apart, and end with the process."""
    routes = {
        f"{r.verb} {r.path}"
        for r in ROUTES
        if r.framing == options_pb2.FRAMING_SERVER_SENT_EVENTS
        and r.dialect == options_pb2.DIALECT_ADMIN
    }
    assert routes
    found = made(ROUTES)
    assert {type(found[place]) for place in routes} == {WatchEndpoint}


def test_calls_are_plain_where_the_router_has_a_plain_form() -> None:
    """Of the same routes."""
    place = "POST /v1/embeddings"
    assert type(made(ROUTES)[place]) is UnaryEndpoint
    assert type(made(ROUTES, PlainRouter())[place]) is PlainUnaryEndpoint


def test_reports_have_names_for_pages() -> None:
    """Each is a header of ours, or tells a limit as OpenAI does, in small letters, once."""
    names = report_fields()
    assert len(names) == len(set(names))
    assert "x-conduit-cost" in names
    ours = ("x-conduit-", "x-ratelimit-")
    assert all(name.startswith(ours) and name.islower() for name in names)
