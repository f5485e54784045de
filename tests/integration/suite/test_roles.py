"""Who may do what: each RPC and route, each role, virtual keys, and no credential at all."""

from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from tests.support.suite import MASTER_KEY, Suite
from tests.support.waiting import eventually

from conduit.internal.v1.methods import METHODS as INTERNAL
from conduit.v1.http_routes import ROUTES, Route
from conduit.v1.methods import METHODS
from conduit.v1.options_pb2 import ACCESS_ADMINISTRATOR, FRAMING_WEBSOCKET
from conduit_kernel.rpc import error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def names(text: str) -> list[str]:
    """Return the names in a text."""
    return text.split()


# Written out here: a role that the contract names for an RPC is one that somebody thought of twice.
READING = names("""
    GetProvider ListProviders ListDiscoveredModels GetKeyCredential ListKeyCredentials
    ListProviderTypes GetModelMapping ListModelMappings GetFallbackChain ListFallbackChains
    GetVirtualKey ListVirtualKeys GetVirtualKeyGroup ListVirtualKeyGroups
    GetMcpServer ListMcpServers GetMaintenanceWindow ListMaintenanceWindows
    GetModelCost ListModelCosts GetCosts ListCharges
    GetProviderAnalytics GetPrepaidBalance GetProviderHealth ListProviderHealth ListHealthHistory
    GetRateLimits
    WatchNotifications ExplainRoute GetRequestRecord ListRequestRecords
    GetCurrentAdministrator
""")
OPERATING = names("""
    CreateProvider UpdateProvider DeleteProvider TestProvider DiscoverModels CreateKeyCredential
    UpdateKeyCredential DeleteKeyCredential RotateKeyCredential CreateModelMapping
    UpdateModelMapping DeleteModelMapping CreateFallbackChain UpdateFallbackChain
    DeleteFallbackChain CreateVirtualKey UpdateVirtualKey DeleteVirtualKey RotateVirtualKey
    CreateVirtualKeyGroup UpdateVirtualKeyGroup DeleteVirtualKeyGroup
    CreateMcpServer UpdateMcpServer DeleteMcpServer CreateMaintenanceWindow DeleteMaintenanceWindow
    ExportConfig ImportConfig CheckProvider CreateWebhook GetWebhook ListWebhooks UpdateWebhook
    DeleteWebhook ListWebhookDeliveries Announce
""")
BILLING = names("""
    CreateModelCost UpdateModelCost DeleteModelCost TopUpVirtualKeyGroup AdjustPrepaidBalance
    RepriceCharges
""")
AUDITING = names(
    "ListAuditEntries VerifyAuditLog GetAdministrator ListAdministrators ListAdministratorSessions"
)
OWNING = names("""
    CreateAdministrator UpdateAdministrator DeleteAdministrator RotateAdministrator RewrapKeys
    EndAdministratorSessions CreateHubTicket RedeemHubTicket SendHubMessage WatchHubMessages
""")
# What each may do; the callers' RPCs are for none of them.
MAY = {
    "Owner": {*READING, *OPERATING, *BILLING, *AUDITING, *OWNING},
    "Operator": {*READING, *OPERATING},
    "Auditor": {*READING, *AUDITING},
    "Biller": {*READING, *BILLING},
    "Viewer": {*READING},
}
ADMINISTERING = MAY["Owner"]
SERVICES = {
    "RegistryService": "registry",
    "HealthService": "health",
    "BillingService": "billing",
    "RouterService": "router",
}
REFUSALS = {
    "MASTER_KEY_MISSING",
    "MASTER_KEY_INVALID",
    "ADMINISTRATOR_TOKEN_INVALID",
    "ROLE_REQUIRED",
    "VIRTUAL_KEY_MISSING",
    "VIRTUAL_KEY_INVALID",
    "SERVICE_TOKEN_INVALID",
}
# Virtual keys, with why they call nothing; empty if they do.
KEYS = {
    "virtual key": "",
    "key of a group": "",
    "rotated key": "",
    "disabled key": "VIRTUAL_KEY_DISABLED",
    "key of a disabled group": "VIRTUAL_KEY_DISABLED",
    "expired key": "VIRTUAL_KEY_DISABLED",
}
WHO = [*MAY, "master key", *KEYS, "nobody", "stranger"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def credentials(suite: Suite) -> dict[str, dict[str, str]]:
    """Return what each of them shows, by the names of metadata."""
    found = {
        "master key": {"x-master-key": MASTER_KEY},
        "virtual key": {"authorization": f"Bearer {suite.virtual_key}"},
        "nobody": {},
        "stranger": {"authorization": "Bearer condt_admin_made-up"},
    }
    for role in MAY:
        made = await suite.call("POST", "/api/administrators", {"name": role, "role": role})
        found[role] = {"authorization": f"Bearer {made['token']}"}
    found |= {who: bearer(key) for who, key in (await keys_of(suite)).items()}
    await suite.settled()
    return found


async def keys_of(suite: Suite) -> dict[str, str]:
    """Return a virtual key of each kind but the plain one."""
    groups = {
        name: (await suite.call("POST", "/api/virtual-key-groups", {"name": name, **spec}))["id"]
        for name, spec in (("on", {}), ("off", {"isEnabled": False}))
    }
    specs: dict[str, dict[str, Any]] = {
        "key of a group": {"groupId": groups["on"]},
        "rotated key": {},
        "disabled key": {"isEnabled": False},
        "key of a disabled group": {"groupId": groups["off"]},
        "expired key": {"expiresAt": "2026-01-01T00:00:00Z"},
    }
    found = {}
    for who, spec in specs.items():
        made = await suite.call("POST", "/api/virtual-keys", {"name": who, **spec})
        found[who] = made["key"]
        if who == "rotated key":
            path = f"/api/virtual-keys/{made['id']}/rotate"
            found[who] = (await suite.call("POST", path, {"graceSeconds": 0}))["key"]
    return found


def expected_refusal(who: str, rpc: str) -> str:
    """Return why somebody may not make a call; empty if they may."""
    if rpc in ADMINISTERING:
        return _administering(who, rpc)
    if who in KEYS:
        return KEYS[who]
    return "VIRTUAL_KEY_MISSING" if who in {"master key", "nobody"} else "VIRTUAL_KEY_INVALID"


def _administering(who: str, rpc: str) -> str:
    if who == "master key" or rpc in MAY.get(who, ()):
        return ""
    if who in MAY:
        return "ROLE_REQUIRED"
    return "ADMINISTRATOR_TOKEN_INVALID" if who == "stranger" else "MASTER_KEY_MISSING"


async def test_each_rpc_was_thought_of() -> None:
    """One that is added belongs into the table above, or is for callers."""
    administering = {
        path.rpartition("/")[2]
        for path, method in METHODS.items()
        if method.access == ACCESS_ADMINISTRATOR
    }
    assert administering == ADMINISTERING
    every = [*READING, *OPERATING, *BILLING, *AUDITING, *OWNING]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("who", WHO)
async def test_over_grpc(suite: Suite, credentials: dict[str, Any], who: str) -> None:
    """Each service judges its calls itself; who may make one is told that this is no message."""
    metadata = tuple(credentials[who].items())
    ports = suite.ports()
    wrong = {}
    for service, process in SERVICES.items():
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports[process]}") as channel:
            for path in METHODS:
                if path.startswith(f"/conduit.v1.{service}/"):
                    rpc = path.rpartition("/")[2]
                    expected = expected_refusal(who, rpc) or "INVALID_REQUEST"
                    got = await reason_of(channel, path, metadata)
                    if got != expected:
                        wrong[rpc] = got, expected
    assert wrong == {}


@pytest.mark.parametrize("who", [*WHO])
async def test_no_role_opens_what_services_say_to_each_other(
    suite: Suite, credentials: dict[str, Any], who: str
) -> None:
    """Not even an owner's."""
    ports, metadata = suite.ports(), tuple(credentials[who].items())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ports['registry']}") as channel:
        for path in INTERNAL:
            assert await reason_of(channel, path, metadata) == "SERVICE_TOKEN_INVALID"


@pytest.mark.parametrize("who", WHO)
async def test_what_the_contract_does_not_have_is_denied(
    suite: Suite, credentials: dict[str, Any], who: str
) -> None:
    """To all but owners, who may hear that it does not exist."""
    metadata = tuple(credentials[who].items())
    port = suite.ports()["registry"]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary("/conduit.v1.RegistryService/ReadMinds")
        with pytest.raises(grpc.RpcError) as refused:
            await call(b"", metadata=metadata)
    if who in {"Owner", "master key"}:
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
    else:
        assert error_of(refused.value, "registry").reason in REFUSALS


@pytest.mark.parametrize("who", WHO)
async def test_over_http(suite: Suite, credentials: dict[str, Any], who: str) -> None:
    """The bridge judges by the RPC that a request is routed to, whatever its path looks like."""
    wrong = {}
    async with httpx.AsyncClient(base_url=suite.url, timeout=40) as client:
        for route in ROUTES:
            refusal = expected_refusal(who, route.rpc)
            status = 403 if refusal in {"ROLE_REQUIRED", "VIRTUAL_KEY_DISABLED"} else 401
            got = await status_of(client, route, credentials[who])
            if (got == status) if not refusal else (got != status):
                wrong[f"{route.verb} {route.path}"] = got, refusal
    assert wrong == {}


SPELLINGS = [
    *(
        "/api/administrators/",
        "/API/administrators",
        "/api//administrators",
        "//api/administrators",
    ),
    *("/api/%61dministrators", "/api/providers/../administrators", "/api/administrators?x=/v1/"),
    *("/v1/../api/administrators", "/api/administrators;/v1/models", "/api/administrators%2F"),
]


@pytest.mark.parametrize("path", SPELLINGS)
async def test_another_spelling_of_a_path_opens_nothing(
    suite: Suite, credentials: dict[str, Any], path: str
) -> None:
    """It is either the same route, for the same roles, or none."""
    async with httpx.AsyncClient(base_url=suite.url) as client:
        for who in WHO:
            request = client.build_request("GET", "/", headers=credentials[who])
            request.url = request.url.copy_with(raw_path=path.encode())
            answer = await client.send(request)
            if answer.status_code == 200:
                assert not expected_refusal(who, "ListAdministrators")
            else:
                assert answer.status_code in {400, 401, 403, 404, 405}, (who, answer.text)


async def test_answers_to_operators_are_kept_by_no_cache(suite: Suite) -> None:
    """Some show what is shown once; refusals neither, before a body is read or behind it."""
    async with suite.admin() as admin, httpx.AsyncClient(base_url=suite.url) as stranger:
        answers = [
            await admin.post("/api/virtual-keys", json={"name": "shown once"}),
            await admin.get("/api/providers"),
            await admin.get("/api/providers/999"),
            await admin.post("/api/virtual-keys", content=b"{"),
            await stranger.post("/api/virtual-keys", json={"name": "x"}),
            await stranger.get("/api/audit-log"),
        ]
        assert [each.status_code for each in answers] == [201, 200, 404, 400, 401, 401]
        for each in answers:
            assert each.headers.get_list("cache-control") == ["no-store"], each.url
            assert each.headers.get_list("x-content-type-options") == ["nosniff"], each.url
        metrics = await stranger.get("/metrics", headers={"origin": "https://any.example"})
        assert "access-control-allow-origin" not in metrics.headers


async def test_a_role_is_in_force_everywhere_once_it_is_answered(suite: Suite) -> None:
    """At the bridge and at each service, which follow the Registry by themselves."""
    made = await suite.call("POST", "/api/administrators", {"name": "mover", "role": "Operator"})
    place, headers = f"/api/administrators/{made['id']}", bearer(made["token"])
    calls = {
        # A call that only the role lets through, at Registry, Billing, Health, and in the worker.
        "Operator": [("PUT", "/api/config"), ("POST", "/api/providers/999/health/check")],
        "Biller": [("POST", "/api/model-costs")],
        "Auditor": [("GET", "/api/audit-log")],
        "Viewer": [("POST", "/api/routes/explain")],
    }
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        for role in calls:
            await suite.call("PUT", place, {"role": role})
            for needed, each in calls.items():
                is_allowed = needed in {role, "Viewer"}
                for verb, path in each:
                    status = (await client.request(verb, path, content=b"{")).status_code
                    assert (status != 403) is is_allowed, (role, verb, path, status)
        await suite.call("DELETE", place)
        for each in calls.values():
            for verb, path in each:
                status = (await client.request(verb, path, content=b"{")).status_code
                assert status == 401, (verb, path)


async def test_a_token_opens_the_hub_as_a_bearer(suite: Suite, credentials: dict[str, Any]) -> None:
    """A viewer's does; a virtual key and a stranger's do not."""
    async with httpx.AsyncClient(base_url=suite.url, timeout=40) as client:
        for who, status in (("Viewer", 200), ("virtual key", 401), ("stranger", 401)):
            answer = await client.post("/hubs/notifications/negotiate", headers=credentials[who])
            assert answer.status_code == status, who


async def test_administrators_are_known_while_the_control_plane_is_away(suite: Suite) -> None:
    """A worker knows them as it knows the configuration: by what it was told last."""
    made = await suite.call("POST", "/api/administrators", {"name": "night", "role": "Viewer"})
    await suite.stop_control()
    try:
        async with httpx.AsyncClient(base_url=suite.url, headers=bearer(made["token"])) as client:
            answer = await client.post("/api/routes/explain", json={"model": "none"})
            assert answer.status_code in {200, 404}
            client.headers["authorization"] += "x"
            answer = await client.post("/api/routes/explain", json={"model": "none"})
            assert answer.json()["code"] == "ADMINISTRATOR_TOKEN_INVALID"
    finally:
        await suite.start_control()

    async def is_back() -> bool:
        async with suite.admin() as client:
            return (await client.get("/api/providers")).is_success

    await eventually(is_back)


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"authorization": f"Bearer {token}"}


async def reason_of(channel: grpc.aio.Channel, path: str, metadata: Any) -> str:  # noqa: ANN401 # pairs
    """Return why a call fails whose request is no message: nothing happens, whoever may make it."""
    found = {**METHODS, **INTERNAL}[path]
    request: Any = iter([b"\xff"]) if found.client_streaming else b"\xff"
    kind = f"{'stream' if found.client_streaming else 'unary'}_"
    kind += "stream" if found.server_streaming else "unary"
    call = getattr(channel, kind)(path)(request, metadata=metadata, timeout=30)
    with pytest.raises(grpc.RpcError) as refused:
        await (call.read() if found.server_streaming else call)
    return error_of(refused.value, "any").reason


async def status_of(client: httpx.AsyncClient, route: Route, headers: dict[str, str]) -> int:
    """Return the status of a request about what there is not, or whose body is no JSON."""
    path = "".join(segments(route))
    body = b"{" if route.verb in {"POST", "PUT", "PATCH"} else None
    given = dict(headers)
    if route.framing == FRAMING_WEBSOCKET:
        given |= {
            "connection": "upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
    async with client.stream(route.verb, path, headers=given, content=body) as answer:
        return answer.status_code


def segments(route: Route) -> Iterator[str]:
    """Yield the pieces of a path whose parameters name nothing."""
    for piece in route.path.split("/")[1:]:
        verb = piece.rpartition("}")[2]
        yield f"/999999{verb}" if piece.startswith("{") else f"/{piece}"
