"""The paths of the documentation."""

from pathlib import Path

import pytest
from tests.support.exchanges import Caller, context_of, request_of

from conduit_bridge.documentation.endpoints import documentation_endpoints
from conduit_bridge.documentation.pages import Pages
from conduit_bridge.endpoints.unary import Endpoint
from conduit_bridge.metrics import Metrics
from conduit_kernel.not_found_errors import RouteNotFound


def endpoints(site: Path) -> dict[str, Endpoint]:
    """Return the endpoints by their paths."""
    made = documentation_endpoints(Metrics(), Pages(site))
    return {each.counts.route: each for each in made}


async def asked(site: Path, route: str, target: str) -> Caller:
    """Return who asked for a path at an endpoint."""
    caller = Caller()
    await endpoints(site)[route].serve(context_of(request_of(caller, "GET", target)))
    return caller


async def test_the_root_leads_to_the_first_page(tmp_path: Path) -> None:
    """Where links that are relative lead to pages."""
    caller = await asked(tmp_path, "/docs", "/docs")
    assert caller.status == 302
    assert "location: /docs/index.html" in caller.lines


async def test_a_page_is_shown_at_its_path(tmp_path: Path) -> None:
    """As what it is."""
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "errors.html").write_text("<p>Errors</p>")
    caller = await asked(tmp_path, "/docs/{page=**}", "/docs/reference/errors.html")
    assert (caller.status, caller.body) == (200, b"<p>Errors</p>")
    assert "content-type: text/html; charset=utf-8" in caller.lines


async def test_a_page_that_is_not_there_is_told_shortly(tmp_path: Path) -> None:
    """However long the path is that somebody sent."""
    (tmp_path / "index.html").write_text("")
    with pytest.raises(RouteNotFound, match="There is no page /docs/no") as refused:
        await asked(tmp_path, "/docs/{page=**}", f"/docs/{'no' * 5000}")
    assert len(refused.value.message) < 300


async def test_a_checkout_without_pages_says_how_to_make_them(tmp_path: Path) -> None:
    """It is no fault of the path."""
    with pytest.raises(RouteNotFound, match="`make docs` makes them"):
        await asked(tmp_path / "site", "/docs/{page=**}", "/docs/index.html")
