"""The paths of the console."""

from importlib.metadata import version

import orjson

from conduit_bridge.console.assets import GUARD, MEDIA_TYPES, Asset, folder
from conduit_bridge.endpoints.builtin import BuiltinEndpoint
from conduit_bridge.endpoints.unary import Endpoint
from conduit_bridge.errors import JSON_FIELD
from conduit_bridge.metrics import Metrics
from conduit_kernel.http import Answer, Request

ROOT = "/console"
PAGE = "index.html"


def console_endpoints(metrics: Metrics, *, has_login: bool) -> list[Endpoint]:
    """Return all of them; `has_login` if administrators may log in by OpenID Connect."""
    about = orjson.dumps({"version": version("conduit-suite"), "hasLogin": has_login})

    async def tell(_: Request) -> Answer:
        return 200, (JSON_FIELD, *GUARD, (b"cache-control", b"no-cache")), about

    where = folder()
    assets = {
        ROOT if path.name == PAGE else f"{ROOT}/{path.name}": Asset(path, where)
        for path in where.iterdir()
        if path.name.endswith(tuple(MEDIA_TYPES))
    }
    return [
        BuiltinEndpoint(metrics.add("GET", f"{ROOT}/about.json"), tell),
        *(BuiltinEndpoint(metrics.add("GET", path), each.answer) for path, each in assets.items()),
    ]
