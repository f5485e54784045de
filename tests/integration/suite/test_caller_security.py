"""Virtual keys and administrators' tokens are used from where they may be, and nowhere else."""

from typing import Any

import grpc
import httpx
import pytest
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1.provider_requests_pb2 import ListProvidersRequest
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit.v1.router_requests_pb2 import ChatRequest, ListModelsRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.auth import CERTIFICATE_HEADER
from conduit_kernel.rpc import error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = (403, "CALLER_NOT_ALLOWED")
BODY = {"model": "guarded", "messages": [{"role": "user", "content": "hello"}]}
# What callers may say of themselves, and nobody believes.
CLAIMS = {CERTIFICATE_HEADER: "spiffe://example.org/a", "x-conduit-peer": "127.0.0.2"}


def client_at(address: str, suite: Suite, authorization: str) -> httpx.AsyncClient:
    """Return a client that connects from an address of this machine."""
    return httpx.AsyncClient(
        base_url=suite.url,
        headers={"authorization": f"Bearer {authorization}", **CLAIMS},
        transport=httpx.AsyncHTTPTransport(local_address=address),
        timeout=30,
    )


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the error's code, in either dialect."""
    said = answer.json()
    error = said.get("error")
    code = error.get("code") if isinstance(error, dict) else said.get("code")
    return answer.status_code, str(code or "").upper()


async def make_key(suite: Suite, name: str, security: dict[str, object]) -> Any:  # noqa: ANN401 # JSON
    """Make a virtual key with rules."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": name, "security": security})
    await suite.settled()
    return made


async def test_a_virtual_key_is_held_to_its_networks(suite: Suite) -> None:
    """Whatever is called with it: plain, streamed, with messages, by a session; by gRPC as well."""
    await suite.add_simulator("guarded", "echo")
    made = await make_key(suite, "from one place", {"allowedIPs": ["127.0.0.2/32"]})
    shown = {"allowedIPs": ["127.0.0.2/32"], "requireMTLS": False, "clientCertificates": []}
    assert made["security"] == shown
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/chat/completions", {"json": BODY}),
        ("POST", "/v1/chat/completions", {"json": {**BODY, "stream": True}}),
        ("POST", "/v1/chat/completions", {"json": BODY, "headers": {"x-conduit-timeout": "20s"}}),
        ("GET", "/v1/models", {}),
        ("POST", "/v1/realtime/client_secrets", {"json": {"session": {"model": "guarded"}}}),
    ]
    async with (
        client_at("127.0.0.2", suite, made["key"]) as inside,
        client_at("127.0.0.1", suite, made["key"]) as outside,
    ):
        for method, path, options in calls:
            assert (await inside.request(method, path, **options)).status_code == 200, path
            assert outcome(await outside.request(method, path, **options)) == REFUSED, path
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.router.port}") as channel:
        stub: Any = RouterServiceStub(channel)
        said = (("authorization", f"Bearer {made['key']}"), *CLAIMS.items())
        for call, request in ((stub.ListModels, ListModelsRequest()), (stub.Chat, ChatRequest())):
            with pytest.raises(grpc.RpcError) as refused:
                await call(request, metadata=said)
            assert error_of(refused.value, "router").reason == "CALLER_NOT_ALLOWED"


async def test_a_client_secret_is_held_to_its_key(suite: Suite) -> None:
    """Otherwise it would lead around the rules."""
    made = await make_key(suite, "of a browser", {"allowedIPs": ["127.0.0.2/32"]})
    secret_of = {"session": {"model": "guarded"}}
    async with client_at("127.0.0.2", suite, made["key"]) as inside:
        answer = await inside.post("/v1/realtime/client_secrets", json=secret_of)
    value = answer.json()["value"]
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with client_at("127.0.0.1", suite, value) as outside:
        answer = await outside.get("/v1/realtime?model=guarded", headers=headers)
        assert outcome(answer) == REFUSED


async def test_a_certificate_is_the_connections_and_no_claim(suite: Suite) -> None:
    """In clear there is none, whatever a caller writes."""
    made = await make_key(suite, "with a certificate", {"requireMTLS": True})
    async with client_at("127.0.0.1", suite, made["key"]) as caller:
        assert outcome(await caller.get("/v1/models")) == REFUSED
        answer = await caller.post("/v1/chat/completions", json=BODY)
        assert outcome(answer) == REFUSED


async def test_rules_are_changed_and_taken_back(suite: Suite) -> None:
    """At once, and as one member."""
    made = await make_key(suite, "changing", {"allowedIPs": ["127.0.0.2/32"]})
    path = f"/api/virtual-keys/{made['id']}"
    async with client_at("127.0.0.1", suite, made["key"]) as caller:
        assert outcome(await caller.get("/v1/models")) == REFUSED
        changed = await suite.call("PATCH", path, {"security": {"allowedIPs": ["127.0.0.0/8"]}})
        assert changed["security"]["allowedIPs"] == ["127.0.0.0/8"]
        await suite.settled()
        assert (await caller.get("/v1/models")).status_code == 200
        await suite.call("PATCH", path, {"security": {"clientCertificates": ["somebody"]}})
        await suite.settled()
        assert outcome(await caller.get("/v1/models")) == REFUSED
        assert (await suite.call("PATCH", path, {"security": None}))["security"] is None
        await suite.settled()
        assert (await caller.get("/v1/models")).status_code == 200


async def test_an_administrators_token_is_held_to_its_networks(suite: Suite) -> None:
    """At the bridge and at each service; the master key is not."""
    body = {"name": "otto", "role": "Viewer", "security": {"allowedIPs": ["127.0.0.2/32"]}}
    made = await suite.call("POST", "/api/administrators", body)
    async with (
        client_at("127.0.0.2", suite, made["token"]) as inside,
        client_at("127.0.0.1", suite, made["token"]) as outside,
    ):
        for path in ("/api/providers", "/api/provider-health", "/api/model-costs"):
            assert (await inside.get(path)).status_code == 200, path
            assert outcome(await outside.get(path)) == REFUSED, path
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['registry']}") as channel:
        stub: Any = RegistryServiceStub(channel)
        said = (("authorization", f"Bearer {made['token']}"), *CLAIMS.items())
        with pytest.raises(grpc.RpcError) as refused:
            await stub.ListProviders(ListProvidersRequest(), metadata=said)
        assert error_of(refused.value, "registry").reason == "CALLER_NOT_ALLOWED"
        await stub.ListProviders(ListProvidersRequest(), metadata=(("x-master-key", MASTER_KEY),))


async def test_a_providers_rules_have_two_names(suite: Suite) -> None:
    """They are shown under one; and say who is passed over, and why."""
    rules = {"allowedIPs": ["192.168.1.0/24"], "requireMTLS": False, "keyRotationDays": 90}
    number = await suite.add_simulator(
        "two", "echo", providerSecurity={**rules, "auditLevel": "Full"}
    )
    shown = await suite.call("GET", f"/api/providers/{number}")
    assert shown["security"] == {**rules, "auditLevel": "Full"}
    assert "providerSecurity" not in shown
    await suite.settled()
    explained = await suite.call("POST", "/api/routes/explain", {"model": "two"})
    [why] = explained["rejections"]
    assert (why["reason"], why["providerId"]) == ("CallerNotAllowed", number)
    path = f"/api/providers/{number}"
    changed = await suite.call("PATCH", path, {"providerSecurity": {"auditLevel": "None"}})
    assert changed["security"]["auditLevel"] == "None"
    assert changed["security"]["allowedIPs"] == []
    taken_back = await suite.call("PATCH", path, {"providerSecurity": None})
    assert taken_back["security"]["auditLevel"] == "Basic"
