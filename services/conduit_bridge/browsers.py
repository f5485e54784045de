"""Assembles what browsers get: console, documentation, and how administrators log in."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc

from conduit_bridge.console.endpoints import console_endpoints
from conduit_bridge.documentation.endpoints import documentation_endpoints
from conduit_bridge.documentation.pages import Pages, folder
from conduit_bridge.endpoints.unary import Endpoint
from conduit_bridge.login.browser_sessions import BrowserSessions
from conduit_bridge.metrics import Metrics
from conduit_kernel.http import HttpClient
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.login_sessions import LoginSessions
from conduit_kernel.rpc import service_metadata
from conduit_kernel.settings import Settings

if TYPE_CHECKING:
    # Imported where somebody logs in alone.
    from conduit_bridge.login.endpoints import Login


def login_of(
    settings: Settings,
    registry: grpc.aio.Channel,
    on_refused: Callable[[str, str], None],
    *,
    clock: Callable[[], float],
    timer: Callable[[], float],
) -> "Login | None":
    """Return what lets administrators log in; None where nobody names them.

    `clock` counts seconds since 1970, `timer` from any moment.
    """
    if settings.oidc is None:
        return None
    from conduit_bridge.login.endpoints import Login  # noqa: PLC0415 # its library takes its time
    from conduit_bridge.login.exchanges import CodeExchanges  # noqa: PLC0415 # as above
    from conduit_bridge.login.provider import OidcProvider  # noqa: PLC0415 # as above

    provider = OidcProvider(settings.oidc, HttpClient(egress=settings.egress), timer)
    sessions = LoginSessions(registry, service_metadata(settings.service_tokens[0]))
    return Login(
        *(provider, KeyRing.of(settings), clock, sessions),
        exchanges=CodeExchanges(timer),
        on_refused=on_refused,
    )


def browser_endpoints(
    settings: Settings,
    registry: grpc.aio.Channel,
    login: "Login | None",
    metrics: Metrics,
    clock: Callable[[], float],
) -> list[Endpoint]:
    """Return the console, the documentation, and how administrators log in to it."""
    ours = service_metadata(settings.service_tokens[0])
    sessions = BrowserSessions(
        *(registry, KeyRing.of(settings), clock),
        LoginSessions(registry, ours),
        vouched_by=ours,
    )
    return [
        *sessions.endpoints(metrics),
        *(login.endpoints(metrics) if login else ()),
        *console_endpoints(metrics, has_login=login is not None),
        *(documentation_endpoints(metrics, Pages(folder())) if settings.has_documentation else ()),
    ]
