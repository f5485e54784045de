"""Browsers log in with a credential, at a Registry on a real port."""

from collections.abc import Mapping
from typing import Any

import grpc
import orjson
import pytest
from tests.support.registry import ENCRYPTION_KEY, MASTER_KEY, SERVICE_METADATA, Clock

from conduit.v1.administrator_pb2 import AdministratorSpec
from conduit.v1.administrator_requests_pb2 import (
    CreateAdministratorRequest,
    DeleteAdministratorRequest,
)
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit.v1.role_pb2 import ROLE_VIEWER
from conduit_bridge.login.browser_sessions import SESSION_SECONDS, BrowserSessions
from conduit_kernel.auth_errors import AdministratorTokenInvalid
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Request
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.login_sessions import LoginSessions

ID = "req_1"
HERE = "127.0.0.1:8080"
OWNER = (("x-master-key", MASTER_KEY),)


@pytest.fixture
def sessions(registry: grpc.aio.Channel, clock: Clock) -> BrowserSessions:
    """Return what lets in."""
    return BrowserSessions(
        *(registry, KeyRing([ENCRYPTION_KEY]), clock, LoginSessions(registry, SERVICE_METADATA)),
        vouched_by=SERVICE_METADATA,
    )


def request(method: str = "GET", body: object = None, **fields: str) -> Request:
    """Return a browser's request."""
    made = Request("127.0.0.9")
    made.method, made.path = method, "/api/session"
    made.body = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {"host": HERE, **fields}
    made.fields = {name.replace("_", "-").encode(): v.encode() for name, v in named.items()}
    return made


async def log_in(
    sessions: BrowserSessions, token: object, **fields: str
) -> tuple[dict[str, Any], str]:
    """Log in; return what the page is told, and the cookie that is set."""
    status, answered, body = await sessions.begin(request("POST", {"token": token}, **fields), ID)
    assert status == 200
    [cookie] = [value.decode() for name, value in answered if name == b"set-cookie"]
    return orjson.loads(body), cookie


def shown(cookie: str, method: str = "GET", **fields: str) -> Request:
    """Return a request with a cookie that was set."""
    return request(method, cookie=cookie.partition(";")[0], **fields)


async def test_the_master_key_logs_an_owner_in(sessions: BrowserSessions, clock: Clock) -> None:
    """By a cookie that no script reads and no other site sends; it has not the key within."""
    told, cookie = await log_in(sessions, MASTER_KEY)
    assert (told["name"], told["role"]) == ("master-key", "Owner")
    assert told["expiresAt"] == int(clock()) + SESSION_SECONDS
    assert {"HttpOnly", "SameSite=Strict"} <= {each.strip() for each in cookie.split(";")}
    assert MASTER_KEY not in cookie
    again = orjson.loads((await sessions.show(shown(cookie), ID))[2])
    assert again == {**told, "name": "login/master-key"}


async def test_a_token_logs_its_administrator_in_until_it_ends(
    sessions: BrowserSessions, registry: grpc.aio.Channel
) -> None:
    """By the name and the role that it has; deleted, it has no session left."""
    stub = RegistryServiceStub(registry)
    spec = AdministratorSpec(name="anna", role=ROLE_VIEWER)
    made = await stub.CreateAdministrator(
        CreateAdministratorRequest(administrator=spec), metadata=OWNER
    )
    told, cookie = await log_in(sessions, f" {made.administrator.token} ")
    assert (told["name"], told["role"]) == ("administrator/1 anna", "Viewer")
    assert (await sessions.show(shown(cookie), ID))[0] == 200
    await stub.DeleteAdministrator(DeleteAdministratorRequest(id=1), metadata=OWNER)
    with pytest.raises(grpc.aio.AioRpcError):
        await sessions.show(shown(cookie), ID)


@pytest.mark.parametrize("token", ["wrong", "condt_admin_wrong", "condt_virtual"])
async def test_a_wrong_credential_lets_nobody_in(sessions: BrowserSessions, token: str) -> None:
    """As the Registry judges it, which slows guessers down."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await log_in(sessions, token)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_session_is_no_credential(sessions: BrowserSessions) -> None:
    """Whoever has a cookie begins no longer session with it."""
    _, cookie = await log_in(sessions, MASTER_KEY)
    token = cookie.partition("=")[2].partition(";")[0]
    with pytest.raises(AdministratorTokenInvalid):
        await log_in(sessions, token)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"{}", {"token": 1}, {"token": " "}),
        *({"token": "x" * 1001}, {"token": "a\nb"}, {"token": "\u00e4"}),
    ],
)
async def test_what_is_no_login_is_said_to_be_none(sessions: BrowserSessions, body: object) -> None:
    """Before anybody is asked."""
    with pytest.raises(InvalidRequest) as refused:
        await sessions.begin(request("POST", body), ID)
    assert refused.value.metadata["field"] == "token"


@pytest.mark.parametrize(
    ("fields", "is_secure"),
    [
        ({}, False),
        ({"host": "conduit.example"}, True),
        ({"origin": f"http://{HERE}"}, False),
        ({"origin": "http://[::1]:8080", "host": "[::1]:8080"}, False),
        ({"origin": "https://conduit.example", "host": "conduit.example"}, True),
        ({"origin": f"https://{HERE}"}, True),
    ],
)
async def test_a_cookie_is_held_to_tls_where_the_page_came_so(
    sessions: BrowserSessions, fields: Mapping[str, str], *, is_secure: bool
) -> None:
    """By its origin, which browsers tell with each POST; in clear on this machine alone."""
    _, cookie = await log_in(sessions, MASTER_KEY, **fields)
    assert cookie.startswith("__Host-") == is_secure
    assert ("Secure" in cookie) == is_secure


@pytest.mark.parametrize(
    "fields",
    [
        {"origin": "http://conduit.example", "host": "conduit.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HERE}.evil.example"},
    ],
)
async def test_pages_of_others_and_of_plain_networks_log_nobody_in(
    sessions: BrowserSessions, fields: Mapping[str, str]
) -> None:
    """Neither would have somebody act as another one, nor a key be read on its way."""
    with pytest.raises(InvalidRequest) as refused:
        await log_in(sessions, MASTER_KEY, **fields)
    assert refused.value.metadata["field"] == "origin"


async def test_leaving_ends_the_session(sessions: BrowserSessions) -> None:
    """By the CSRF token alone; whoever copied the cookie has nothing of it, another browser has."""
    _, other = await log_in(sessions, MASTER_KEY)
    told, cookie = await log_in(sessions, MASTER_KEY)
    for wrong in ({}, {"x_csrf_token": "wrong"}):
        with pytest.raises(AdministratorTokenInvalid):
            await sessions.leave(shown(cookie, "POST", **wrong), ID)
    leaving = shown(cookie, "POST", x_csrf_token=told["csrfToken"])
    status, fields, _ = await sessions.leave(leaving, ID)
    gone = [value.decode() for name, value in fields if name == b"set-cookie"]
    assert status == 204
    assert gone == ["conduit-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await sessions.show(shown(cookie), ID)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert (await sessions.show(shown(other), ID))[0] == 200


async def test_without_a_session_nobody_is_shown(sessions: BrowserSessions, clock: Clock) -> None:
    """Nor leaves; nor with one that is over."""
    for nobody in (request(), request(cookie="conduit-session=x")):
        with pytest.raises(AdministratorTokenInvalid):
            await sessions.show(nobody, ID)
        with pytest.raises(AdministratorTokenInvalid):
            await sessions.leave(nobody, ID)
    _, cookie = await log_in(sessions, MASTER_KEY)
    clock.now += SESSION_SECONDS
    with pytest.raises(grpc.aio.AioRpcError):
        await sessions.show(shown(cookie), ID)
