"""What the contract declares and a Router without some of its parts does not do, over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest
from tests.support.call_bench import Bench
from tests.support.session_bench import PATIENT
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    VIRTUAL_KEY,
    compiled,
    first,
    provider,
    snapshot,
    virtual_key,
)

from conduit.v1.http_routes import ROUTES, Route
from conduit.v1.options_pb2 import serving
from conduit.v1.router_service_pb2 import DESCRIPTOR
from conduit_bridge import bootstrap
from conduit_kernel.http import SpillSpace
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import RpcServer
from conduit_kernel.secrets import Vault
from conduit_kernel.settings import Settings
from conduit_router.caller_usage import CallerUsage
from conduit_router.service import OWN, SERVICE, RouterStub, handlers
from conduit_router.tasks.queries import TaskQueries
from conduit_router.virtual_keys import VirtualKeys

RPCS = DESCRIPTOR.services_by_name["RouterService"].methods_by_name
# What the Router does with parts that the one here is made without.
PARTS = (TaskQueries, CallerUsage)
OWED = [
    route
    for route in ROUTES
    if route.rpc in RPCS and any(hasattr(part, route.rpc) for part in PARTS)
]
KEY = {"authorization": f"Bearer {VIRTUAL_KEY}"}


@pytest.fixture
def stub(tmp_path: Path) -> RouterStub:
    """Return the real Router's RPCs."""
    bench = Bench(tmp_path)
    bench.runtime.table = compiled(snapshot([provider(1)], virtual_keys=[virtual_key()]))
    keys = VirtualKeys(Vault(ENCRYPTION_KEY), lambda: 1000.0)
    keys.apply(first(bench.runtime.table))
    return RouterStub(bench.runtime, keys, IdSource(lambda: 1000.0), SpillSpace(tmp_path), PATIENT)


@pytest.fixture(params=["in process", "over gRPC"])
async def url(
    request: pytest.FixtureRequest, settings: Settings, stub: RouterStub
) -> AsyncIterator[str]:
    """Start a bridge whose Router is in its process, or behind a port; return its address."""
    if request.param == "in process":
        process = await bootstrap.start(settings, router=stub)
        yield f"127.0.0.1:{process.port}"
        await process.drain(0.1)
        return
    server = RpcServer(name="router", master_key=settings.master_key, virtual_keys=stub.identify)
    server.grpc.add_generic_rpc_handlers((handlers(stub),))
    server.announce(SERVICE)
    await server.start("127.0.0.1", 0)
    targets = {**settings.targets, "router": f"127.0.0.1:{server.port}"}
    process = await bootstrap.start(replace(settings, targets=targets))
    yield f"127.0.0.1:{process.port}"
    await process.drain(0.1)
    await server.drain(0)


def is_refused(status: int, body: bytes) -> None:
    """Assert that an answer says what is owed, and what to do about it."""
    error = orjson.loads(body)["error"]
    assert (status, error["code"]) == (501, "not_implemented")
    assert error["hint"]


def ways(route: Route) -> list[dict[str, object]]:
    """Return requests of each form that a route takes."""
    found: list[dict[str, object]] = []
    members = {route.chosen_by: True} if route.chosen_by else {}
    if route.read is not None:
        found.append({"json": {"model": "m", **members}} if route.verb == "POST" else {})
    return found


def test_everything_is_done() -> None:
    """An RPC that the contract gains is a call of a model, a task, or one of the Router's own."""
    options = {rpc: RPCS[rpc].GetOptions().Extensions[serving] for rpc in RPCS}
    owed = [rpc for rpc, each in options.items() if not (each.operation or each.task_of)]
    assert [rpc for rpc in owed if not any(hasattr(own, rpc) for own in OWN)] == []
    assert OWED


@pytest.mark.parametrize("route", OWED, ids=lambda r: f"{r.rpc} {r.verb}")
async def test_what_is_owed_is_refused(url: str, route: Route) -> None:
    """At once, with the code and the hint, however it is asked for."""
    path = route.path.replace("{id}", "x")
    async with httpx.AsyncClient(base_url=f"http://{url}", headers=KEY, timeout=5) as http:
        for way in ways(route):
            answer = await http.request(route.verb, path, **way)  # type: ignore[arg-type] # by name
            is_refused(answer.status_code, answer.content)
            assert answer.headers["content-type"] == "application/json"
