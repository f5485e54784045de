"""The paths of the documentation."""

import asyncio

from conduit_bridge.console.assets import GUARD
from conduit_bridge.documentation.pages import FIRST, Pages
from conduit_bridge.endpoints.builtin import BuiltinEndpoint
from conduit_bridge.endpoints.unary import Endpoint
from conduit_bridge.metrics import Metrics
from conduit_kernel.http import Answer, Request
from conduit_kernel.not_found_errors import RouteNotFound

ROOT = "/docs"
_MAX_QUOTED = 200
_FOUND = 302
_UNMADE = "There are no pages here: `make docs` makes them; a wheel by `make wheel` has them"


def documentation_endpoints(metrics: Metrics, pages: Pages) -> list[Endpoint]:
    """Return all of them; nobody has to log in."""

    async def lead(_: Request) -> Answer:
        # Links of a page are relative to where it stands.
        return _FOUND, ((b"location", f"{ROOT}/{FIRST}".encode()), *GUARD), b""

    async def show(request: Request) -> Answer:
        path = request.path.removeprefix(f"{ROOT}/")
        asset = await asyncio.to_thread(pages.asset, path)
        if asset is not None:
            return await asset.answer(request)
        raise await asyncio.to_thread(_missing, pages, path[:_MAX_QUOTED])

    return [
        BuiltinEndpoint(metrics.add("GET", ROOT), lead),
        BuiltinEndpoint(metrics.add("GET", f"{ROOT}/{{page=**}}"), show),
    ]


def _missing(pages: Pages, path: str) -> RouteNotFound:
    quoted = f"{ROOT}/{path}"
    return RouteNotFound(f"There is no page {quoted}" if pages.is_made else _UNMADE, path=quoted)
