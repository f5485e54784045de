"""Client secrets through the whole suite: minted by OpenAI's SDK, used as browsers do."""

import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import openai
import orjson
import pytest
from tests.integration.suite.test_held_sessions import charges_of, client, provider
from tests.support.session_upstream import answers, created, event, holding
from tests.support.suite import Suite
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1 import router_requests_pb2 as router_pb
from conduit.v1.http_routes import ROUTES, Route
from conduit.v1.options_pb2 import ACCESS_VIRTUAL_KEY
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.rpc import error_of
from conduit_kernel.websocket import WebSocket

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOR_CALLERS = [
    route for route in ROUTES if route.access == ACCESS_VIRTUAL_KEY and route.rpc != "Converse"
]


async def mint(sdk: openai.AsyncOpenAI, alias: str, **session: Any) -> str:  # noqa: ANN401 # JSON
    """Make a secret for a session with a model."""
    asked: Any = {"type": "realtime", "model": alias, **session}
    made = await sdk.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60}, session=asked
    )
    assert made.value.startswith("ek_")
    return made.value


@asynccontextmanager
async def page(
    suite: Suite, secret: str, query: str = "", path: str = "/v1/realtime"
) -> AsyncIterator[ClientConnection]:
    """Hold a session as a browser's page does, which can set no header."""
    url = f"{suite.url.replace('http', 'ws', 1)}{path}{query}"
    names = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{secret}")]
    async with connect(url, subprotocols=names, proxy=None, open_timeout=30) as socket:
        yield socket


async def status_of(suite: Suite, secret: str, query: str = "", path: str = "/v1/realtime") -> int:
    """Return with which status a page's session is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with page(suite, secret, query, path):
            pass
    return refused.value.response.status_code


async def test_a_page_holds_a_session_as_it_was_minted(suite: Suite) -> None:
    """The provider is told the settings first; the page need not know the model's name."""
    heard: list[Any] = []

    async def script(socket: WebSocket) -> None:
        await socket.send(created())
        heard.append(orjson.loads(await socket.receive()))
        await socket.send(event("session.updated", session={"type": "realtime"}))
        heard.append(orjson.loads(await socket.receive()))
        await socket.wait_closed()

    async with provider(suite, holding(script)) as (upstream, alias), client(suite) as sdk:
        secret = await mint(sdk, alias, instructions="Be brief")
        async with page(suite, secret) as socket:
            assert socket.subprotocol == "realtime"
            for kind in ("session.created", "session.updated"):
                assert orjson.loads(await socket.recv())["type"] == kind
            await socket.send(event("response.create"))
            await socket.close()
        assert upstream.paths == ["/v1/realtime"]
        [charge] = await charges_of(suite, alias)
    assert charge["operation"] == "converse"
    session = {"type": "realtime", "instructions": "Be brief"}
    assert heard[0] == {"type": "session.update", "session": session}


async def test_a_secret_is_taken_wherever_a_session_is_held(suite: Suite) -> None:
    """As a bearer's in the SDK, at the Router's port, and by workers that start later."""
    async with provider(suite, answers()) as (_, alias), client(suite) as sdk:
        secret = await mint(sdk, alias)
        await suite.stop_worker()
        await suite.start_worker()
        await suite.settled()
        holder = openai.AsyncOpenAI(base_url=f"{suite.url}/v1", api_key=secret, max_retries=0)
        async with holder, holder.realtime.connect(model=alias) as connection:
            assert (await connection.recv()).type == "session.created"
        target = f"127.0.0.1:{suite.ports()['router']}"
        async with grpc.aio.insecure_channel(target) as channel:
            metadata = (("authorization", f"Bearer {secret}"),)
            call = RouterServiceStub(channel).Converse(metadata=metadata)
            await call.write(pb.ConverseRequest(start=pb.ConverseStart()))
            first: Any = await call.read()
            assert first.started.provider_name == alias
            call.cancel()


async def test_a_secret_is_for_its_model_alone(suite: Suite) -> None:
    """Though its virtual key may use the other one."""
    async with (
        provider(suite, answers()) as (_, alias),
        provider(suite, answers()) as (other_upstream, other),
        client(suite) as sdk,
    ):
        secret = await mint(sdk, alias)
        assert await status_of(suite, secret, f"?model={other}") == 403
        assert not other_upstream.paths


@pytest.mark.parametrize("route", FOR_CALLERS, ids=lambda r: f"{r.verb} {r.path}")
async def test_a_secret_is_for_no_other_route(suite: Suite, route: Route) -> None:
    """Not even for one that mints others, which would never end."""
    async with provider(suite, answers()) as (_, alias), client(suite) as sdk:
        secret = await mint(sdk, alias)
    path = route.path.replace("{id}", "x").replace("{model}", alias).replace("{model=**}", alias)
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=10) as http:
        answer = await http.request(route.verb, path, json={"model": alias})
    told = answer.json()["error"]
    # Callers of Anthropic get its form of errors, with our own code, and those of Google theirs.
    code = "VIRTUAL_KEY_INVALID" if path.startswith("/v1/messages") else "invalid_api_key"
    if told["code"] == answer.status_code:
        told, code = {"code": told["details"][0]["reason"]}, "VIRTUAL_KEY_INVALID"
    assert (answer.status_code, told["code"]) == (401, code)
    assert secret not in answer.text


async def test_a_secret_is_for_no_live_session(suite: Suite) -> None:
    """Which would name another model in its first event."""
    async with provider(suite, answers()) as (upstream, alias), client(suite) as sdk:
        secret = await mint(sdk, alias)
        assert await status_of(suite, secret, path="/v1/live/sessions") == 401
        assert not upstream.paths


async def test_a_secret_is_for_no_other_rpc(suite: Suite) -> None:
    """At the Router's own port either."""
    async with provider(suite, answers()) as (_, alias), client(suite) as sdk:
        secret = await mint(sdk, alias)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        metadata = (("authorization", f"Bearer {secret}"),)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await RouterServiceStub(channel).ListModels(
                router_pb.ListModelsRequest(), metadata=metadata
            )
    assert error_of(refused.value, "router").reason == "VIRTUAL_KEY_INVALID"


async def test_a_secret_ends_with_its_virtual_key(suite: Suite) -> None:
    """As soon as the Router knows."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": "of a page"})
    sdk = openai.AsyncOpenAI(base_url=f"{suite.url}/v1", api_key=made["key"], max_retries=0)
    async with provider(suite, answers()) as (upstream, alias), sdk:
        secret = await mint(sdk, alias)
        await suite.call("DELETE", f"/api/virtual-keys/{made['id']}")
        await suite.settled()
        assert await status_of(suite, secret) == 401
        assert not upstream.paths


async def test_a_secret_ends_with_the_value_that_made_it(suite: Suite) -> None:
    """Not before: for the grace time of a rotation it is taken, as that value is."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": "of a page that stays"})
    rotate = f"/api/virtual-keys/{made['id']}/rotate"
    sdk = openai.AsyncOpenAI(base_url=f"{suite.url}/v1", api_key=made["key"], max_retries=0)
    async with provider(suite, answers()) as (_, alias), sdk:
        secret = await mint(sdk, alias)
        await suite.call("POST", rotate)
        async with page(suite, secret) as socket:
            await socket.recv()
        await suite.call("POST", rotate, params={"graceSeconds": 0})
        assert await status_of(suite, secret) == 401


async def test_a_secret_is_in_no_log(
    suite: Suite, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a line about its making or use, nor in one about its refusal."""
    caplog.set_level(logging.DEBUG)
    async with provider(suite, answers()) as (_, alias), client(suite) as sdk:
        secret = await mint(sdk, alias)
        async with page(suite, secret) as socket:
            await socket.recv()
        await status_of(suite, secret + "x")
        await status_of(suite, secret, "?model=other")
    seen = io.StringIO()
    # Our own: what the caller's library writes is the caller's.
    ours = (each for each in caplog.records if not each.name.startswith("websockets.client"))
    seen.writelines((*capfd.readouterr(), *(each.getMessage() for each in ours)))
    assert "http_request" in seen.getvalue()
    assert secret[3:] not in seen.getvalue()
