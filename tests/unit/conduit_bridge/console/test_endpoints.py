"""The paths of the console."""

import json

import pytest
from tests.support.exchanges import Caller, context_of, request_of

from conduit_bridge.console.endpoints import console_endpoints
from conduit_bridge.metrics import Metrics


@pytest.mark.parametrize("has_login", [True, False])
async def test_the_page_is_told_what_it_asks_for_first(*, has_login: bool) -> None:
    """Whether there is a login provider, and of which version it is; nobody has to log in."""
    made = console_endpoints(Metrics(), has_login=has_login)
    routes = {each.counts.route: each for each in made}
    assert {"/console", "/console/app.js", "/console/app.css", "/console/about.json"} <= set(routes)
    assert not any(each.endswith((".br", ".gz", ".sha256", ".html")) for each in routes)
    caller = Caller()
    request = request_of(caller, "GET", "/console/about.json")
    await routes["/console/about.json"].serve(context_of(request))
    told = json.loads(caller.body)
    assert told["hasLogin"] is has_login
    assert told["version"]
