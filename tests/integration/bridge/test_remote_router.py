"""The same bridge with its Router in another process, spoken to over gRPC."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from tests.integration.bridge.stage import MASTER_KEY, Registry, event, piece, soon
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.administrator_pb2 import Administrator
from conduit.v1.audio_requests_pb2 import TranscribeRequest, TranscribeResponse
from conduit.v1.call_pb2 import CallReport
from conduit.v1.converse_requests_pb2 import ConverseRequest, ConverseResponse
from conduit.v1.form_pb2 import Content
from conduit.v1.registry_service_pb2_grpc import add_RegistryServiceServicer_to_server
from conduit.v1.role_pb2 import ROLE_VIEWER
from conduit.v1.router_service_pb2_grpc import (
    RouterServiceServicer,
    add_RouterServiceServicer_to_server,
)
from conduit_bridge import bootstrap
from conduit_kernel.auth_errors import AdministratorTokenInvalid
from conduit_kernel.errors import UpstreamRateLimited
from conduit_kernel.rpc import RpcServer
from conduit_kernel.rpc.auth_interceptor import Context, metadata_of
from conduit_kernel.settings import Settings

PATH = "/v1/chat/completions"


class RemoteRouter(RouterServiceServicer):
    """A Router behind a port."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.ended = asyncio.Event()

    async def Chat(  # noqa: N802 # the contract's name
        self, request: pb.ChatRequest, context: Context
    ) -> pb.ChatResponse:
        """Return the request, or fail."""
        self.metadata = metadata_of(context)
        if b"limited" in request.json:
            raise UpstreamRateLimited("slowly", retry_after_ms="3000")
        return pb.ChatResponse(json=request.json)

    async def StreamChat(  # noqa: N802 # the contract's name
        self, request: pb.StreamChatRequest, context: Context
    ) -> AsyncIterator[pb.StreamChatResponse]:
        """Stream one piece, and then break off, hang or end."""
        if b"limited" in request.json:
            raise UpstreamRateLimited("slowly")
        try:
            yield piece("one")
            if b"broken" in request.json:
                raise UpstreamRateLimited("slowly")
            if b"hangs" in request.json:
                await asyncio.Event().wait()
            yield piece("two", is_last=True)
        finally:
            self.ended.set()

    async def Transcribe(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[TranscribeRequest], context: Context
    ) -> TranscribeResponse:
        """Count the bytes that follow the form."""
        self.metadata = metadata_of(context)
        size, is_limited = 0, False
        async for request in requests:
            if request.HasField("start"):
                is_limited = request.start.multipart.members[0].name == "limited"
            size += len(request.chunk.data)
        # As the Router does, for a status that overtakes messages may be lost with them.
        if is_limited:
            raise UpstreamRateLimited("slowly")
        content = Content(content_type="text/plain", body=b"%d" % size)
        return TranscribeResponse(content=content)

    async def Converse(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[ConverseRequest], context: Context
    ) -> AsyncIterator[ConverseResponse]:
        """Open, and send each event back; fail at `fail`."""
        self.metadata = metadata_of(context)
        try:
            async for request in requests:
                if request.HasField("start"):
                    yield ConverseResponse(started=CallReport(attempts=1))
                elif request.json == b"fail":
                    raise UpstreamRateLimited("slowly")
                else:
                    yield ConverseResponse(json=request.json)
        finally:
            self.ended.set()


@pytest.fixture
async def remote() -> AsyncIterator[tuple[RemoteRouter, int]]:
    """Serve a Router on a port."""
    servicer = RemoteRouter()  # type: ignore[abstract] # the others answer UNIMPLEMENTED
    server = RpcServer(name="router", master_key=MASTER_KEY, virtual_keys=lambda _: None)
    add_RouterServiceServicer_to_server(servicer, server.grpc)
    await server.start("127.0.0.1", 0)
    yield servicer, server.port
    await server.drain(0)


@pytest.fixture
async def far(
    settings: Settings, remote: tuple[RemoteRouter, int]
) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of a bridge whose Router is elsewhere."""
    targets = {**settings.targets, "router": f"127.0.0.1:{remote[1]}"}
    bridge = await bootstrap.start(replace(settings, targets=targets))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bridge.port}", timeout=5) as client:
        yield client
    await bridge.drain(0.1)


async def test_tokens_of_administrators_are_judged_where_they_are_known(
    settings: Settings, remote: tuple[RemoteRouter, int]
) -> None:
    """A bridge without a Router of its own knows none, and passes them on."""
    known = Administrator(id=1, name="anna", role=ROLE_VIEWER)

    def identify(token: str) -> Administrator:
        if token != "condt_admin_anna":
            raise AdministratorTokenInvalid("This token is unknown", header="Authorization")
        return known

    registry = Registry()  # type: ignore[abstract] # the others answer UNIMPLEMENTED
    server = RpcServer(name="registry", master_key=MASTER_KEY, administrators=identify)
    add_RegistryServiceServicer_to_server(registry, server.grpc)
    await server.start("127.0.0.1", 0)
    targets = {"router": f"127.0.0.1:{remote[1]}", "registry": f"127.0.0.1:{server.port}"}
    bridge = await bootstrap.start(replace(settings, targets={**settings.targets, **targets}))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bridge.port}", timeout=5) as client:
        for token, verb, status, code in (
            ("condt_admin_anna", "GET", 200, None),
            ("condt_admin_anna", "POST", 403, "ROLE_REQUIRED"),
            ("condt_admin_eve", "GET", 401, "ADMINISTRATOR_TOKEN_INVALID"),
            ("condt_1", "GET", 401, "MASTER_KEY_MISSING"),
        ):
            path = "/api/providers/1" if verb == "GET" else "/api/providers"
            headers = {"authorization": f"Bearer {token}"}
            answer = await client.request(verb, path, headers=headers, json=None)
            assert (answer.status_code, answer.json().get("code")) == (status, code)
    await bridge.drain(0.1)
    await server.drain(0)


async def test_whole_answers_are_the_same(
    far: httpx.AsyncClient, remote: tuple[RemoteRouter, int]
) -> None:
    """Body, metadata and errors pass through gRPC unchanged."""
    answer = await far.post(PATH, content=b'{"a": 1}', headers={"authorization": "Bearer k"})
    assert (answer.status_code, answer.content) == (200, b'{"a": 1}')
    assert remote[0].metadata["authorization"] == "Bearer k"
    limited = await far.post(PATH, content=b'{"a": "limited"}')
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert limited.json()["error"]["code"] == "rate_limit_exceeded"


async def test_streams_are_the_same(far: httpx.AsyncClient) -> None:
    """Whole, failed at once, and broken off."""
    whole = await far.post(PATH, content=b'{"stream": true}')
    assert whole.content == event("one") + event("two") + b"data: [DONE]\n\n"
    limited = await far.post(PATH, content=b'{"stream": true, "a": "limited"}')
    assert limited.status_code == 429
    broken = await far.post(PATH, content=b'{"stream": true, "a": "broken"}')
    assert broken.content.startswith(event("one") + b'data: {"error":{"message":"slowly"')
    assert b"[DONE]" not in broken.content


async def test_a_caller_that_leaves_cancels_the_remote_call(
    far: httpx.AsyncClient, remote: tuple[RemoteRouter, int]
) -> None:
    """Cancellation crosses the wire."""
    async with far.stream("POST", PATH, content=b'{"stream": true, "a": "hangs"}') as answer:
        async for _ in answer.aiter_bytes():
            break
    await soon(remote[0].ended)


async def test_a_router_that_is_away_is_a_503(settings: Settings) -> None:
    """In OpenAI's shape, whole and streamed."""
    bridge = await bootstrap.start(
        replace(settings, targets={**settings.targets, "router": "127.0.0.1:1"})
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bridge.port}") as http:
        for body in (b"{}", b'{"stream": true}'):
            answer = await http.post(PATH, content=body)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "service_unavailable"
    await bridge.drain(0.1)


async def test_forms_are_the_same(far: httpx.AsyncClient, remote: tuple[RemoteRouter, int]) -> None:
    """Their files come in messages, of which none is too large for gRPC."""
    files = {"file": ("long.wav", b"x" * 6_000_000, "audio/wav")}
    headers = {"authorization": "Bearer k"}
    answer = await far.post("/v1/audio/transcriptions", files=files, headers=headers)
    assert (answer.text, answer.headers["content-type"]) == ("6000000", "text/plain")
    assert remote[0].metadata["authorization"] == "Bearer k"
    limited = await far.post(
        "/v1/audio/transcriptions", data={"limited": "1"}, files=files, headers=headers
    )
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limit_exceeded")


async def test_sessions_are_the_same(
    far: httpx.AsyncClient, remote: tuple[RemoteRouter, int]
) -> None:
    """Opened, both ways, broken off, and left; a page's key is metadata as a header's is."""
    url = f"ws://{far.base_url.netloc.decode()}/v1/realtime?model=m"
    names = [Subprotocol("openai-insecure-api-key.k")]
    async with asyncio.timeout(5), connect(url, subprotocols=names, proxy=None) as socket:
        await socket.send("one")
        assert await socket.recv() == "one"
        assert remote[0].metadata["authorization"] == "Bearer k"
        await socket.send("fail")
        assert '"rate_limit_exceeded"' in str(await socket.recv())
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    remote[0].ended.clear()
    async with asyncio.timeout(5), connect(url, subprotocols=names, proxy=None) as socket:
        socket.transport.abort()
    await soon(remote[0].ended)
