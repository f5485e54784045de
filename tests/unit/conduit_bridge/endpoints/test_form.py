"""Routes that take forms: what the RPC is sent, and that nothing stays of what was kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.endpoints import BEARER, Service, edge, here
from tests.support.exchanges import Caller, context_of, request_of, route_of

from conduit.v1.audio_requests_pb2 import TranscribeResponse
from conduit.v1.form_pb2 import Content
from conduit.v1.image_requests_pb2 import (
    EditImagesResponse,
    StartImageEditResponse,
    StreamEditImagesResponse,
)
from conduit.v1.json_runtime import JsonError
from conduit_bridge.endpoints.form import (
    FormEndpoint,
    FormEventsEndpoint,
    FormRoute,
    FormUnaryEndpoint,
)
from conduit_bridge.endpoints.unary import Outcome, RouteEndpoint
from conduit_bridge.metrics import Metrics
from conduit_kernel.errors import (
    InvalidRequest,
    ServiceUnavailable,
    UpstreamRateLimited,
    VirtualKeyInvalid,
)
from conduit_kernel.http import SpillSpace

TYPE = "multipart/form-data; boundary=xyz"
SOUND = bytes(range(256)) * 4


def form(**members: str | bytes) -> bytes:
    """Write a form; bytes are files."""
    parts = b""
    for name, value in members.items():
        disposition = f'content-disposition: form-data; name="{name}"'
        if isinstance(value, bytes):
            disposition += f'; filename="{name}.bin"\r\ncontent-type: audio/wav'
        data = value if isinstance(value, bytes) else value.encode()
        parts += b"--xyz\r\n" + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"
    return parts + b"--xyz--\r\n"


class Images(Service):
    """A Router that edits pictures, whole or in events."""

    def __init__(self) -> None:
        super().__init__(EditImagesResponse(json=b'"edited"'))
        self.events = Service(StreamEditImagesResponse(events=b"data: {}\n\n"), is_stream=True)

    def __getattr__(self, rpc: str) -> Any:  # noqa: ANN401 # an RPC
        """Stream what the contract streams."""
        if rpc == "StreamEditImages":
            return getattr(self.events, rpc)
        return super().__getattr__(rpc)


class Listener(Service):
    """A Router that writes down, having read all messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []
        self.files: list[bytes] = []
        self.problem: Exception | None = None

    async def Transcribe(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[Any], **_: object
    ) -> TranscribeResponse:
        """Keep what came, and the files as they are at hand."""
        self.messages = [request async for request in requests]
        at_hand = getattr(requests, "files", ())
        self.files = [b"".join([p async for p in await file.open()]) for file in at_hand]
        if self.problem is not None:
            raise self.problem
        return TranscribeResponse(content=Content(content_type="text/plain", body=b"heard"))


def bound(kind: type[Any], rpc: str, router: Service) -> FormRoute:
    """Bind a route."""
    route = route_of(rpc)
    endpoint: RouteEndpoint = kind(
        route,
        here(router),
        Metrics().add(route.verb, route.path),
        edge(),
    )
    return FormRoute(route, endpoint)


def edits(router: Images, space: SpillSpace) -> FormEndpoint:
    """Bind edits of pictures."""
    usual = bound(FormUnaryEndpoint, "EditImages", router)
    events = bound(FormEventsEndpoint, "StreamEditImages", router)
    return FormEndpoint(usual, {"stream": events}, space)


def transcriptions(router: Listener, space: SpillSpace) -> FormEndpoint:
    """Bind transcriptions."""
    return FormEndpoint(bound(FormUnaryEndpoint, "Transcribe", router), {}, space)


async def served(
    endpoint: FormEndpoint, body: bytes, content_type: str = TYPE, **fields: str
) -> tuple[Caller, Outcome]:
    """Serve a request."""
    caller = Caller()
    fields = {"authorization": BEARER, "content_type": content_type, **fields}
    exchange = request_of(caller, "POST", "/", body, **fields)
    return caller, await endpoint.serve(context_of(exchange))


async def start_of(router: Service) -> bytes:
    """Return the JSON of the first message of a call, which is the only one."""
    [message] = [message async for message in router.calls[0][0]]
    json: bytes = message.start.json
    return json


@pytest.fixture
def space(tmp_path: Path) -> Any:  # noqa: ANN401 # a generator of it
    """Yield room for uploads, all of which must be given back."""
    made = SpillSpace(tmp_path, memory_bytes=100)
    left = made.left
    yield made
    assert made.left == left
    assert not list(tmp_path.iterdir())


async def test_a_form_comes_as_messages_with_its_files_behind(space: SpillSpace) -> None:
    """First the members, without bytes; then each file's bytes by its place; all at hand, too."""
    router = Listener()
    body = form(model="m", file=SOUND, prompt="ü", other=b"x")
    caller, outcome = await served(transcriptions(router, space), body)
    assert (outcome, caller.body) == (Outcome(200), b"heard")
    first, *chunks = router.messages
    members = first.start.multipart.members
    assert [(m.name, m.value, m.file.filename, m.file.size) for m in members] == [
        ("model", b"m", "", 0),
        ("file", b"", "file.bin", len(SOUND)),
        ("prompt", "ü".encode(), "", 0),
        ("other", b"", "other.bin", 1),
    ]
    assert not any(m.file.content for m in members)
    got = {0: b"", 1: b""}
    for message in chunks:
        got[message.chunk.index] += message.chunk.data
    assert got == {0: SOUND, 1: b"x"}
    assert router.files == [SOUND, b"x"]


async def test_a_form_in_one_message_has_its_files_in_it(space: SpillSpace) -> None:
    """Where the RPC takes no stream."""
    router = Service(StartImageEditResponse())
    tasks = FormEndpoint(bound(FormUnaryEndpoint, "StartImageEdit", router), {}, space)
    _, outcome = await served(tasks, form(prompt="p", image=SOUND))
    assert outcome == Outcome(202)
    [(request, _)] = router.calls
    files = [m.file.content for m in request.multipart.members if m.HasField("file")]
    assert files == [SOUND]


@pytest.mark.parametrize(
    ("value", "is_chosen"), [("true", True), ("false", False), ("True", True), ("yes", None)]
)
async def test_a_member_chooses_the_route(
    space: SpillSpace, value: str, *, is_chosen: bool | None
) -> None:
    """If it is true; what is no boolean is refused, because a guess could cost money."""
    router = Images()
    endpoint = edits(router, space)
    if is_chosen is None:
        with pytest.raises((InvalidRequest, JsonError)):
            await served(endpoint, form(stream=value))
        assert router.calls == router.events.calls == []
        return
    caller, _ = await served(endpoint, form(stream=value))
    assert (caller.body == b"data: {}\n\n") is is_chosen
    assert (len(router.events.calls), len(router.calls)) == (int(is_chosen), int(not is_chosen))


async def test_json_is_taken_where_the_contract_says_so(space: SpillSpace) -> None:
    """It chooses as a form does, and is read as other routes' bodies are."""
    router = Images()
    await served(edits(router, space), b'{"prompt":"p"}', "application/json")
    assert await start_of(router) == b'{"prompt":"p"}'
    await served(edits(router, space), b'{"stream":true}', "application/json")
    assert await start_of(router.events) == b'{"stream":true}'
    with pytest.raises(InvalidRequest):
        await served(transcriptions(Listener(), space), b"{}", "application/json")


async def test_strangers_keep_nothing_here(tmp_path: Path) -> None:
    """They are refused before their form is read, which is not even a form."""
    space = SpillSpace(tmp_path, most_bytes=0)
    for endpoint in (edits(Images(), space), transcriptions(Listener(), space)):
        with pytest.raises(VirtualKeyInvalid):
            await served(endpoint, b"nonsense", authorization="Bearer other")
        with pytest.raises(VirtualKeyInvalid):
            endpoint.judge_head(request_of(Caller(), "POST"))


async def test_an_upload_without_room_may_be_tried_again(tmp_path: Path) -> None:
    """It is our lack, for now, and no fault of the caller's."""
    space = SpillSpace(tmp_path, most_bytes=100, memory_bytes=10)
    router = Listener()
    with pytest.raises(ServiceUnavailable) as caught:
        await served(transcriptions(router, space), form(file=SOUND, other=b"x" * 300))
    assert caught.value.metadata == {"service": "router"}
    assert (space.left, router.messages) == (100, [])


async def test_nothing_stays_of_a_form_whose_call_fails(space: SpillSpace) -> None:
    """Its files are forgotten with the call, as the fixture shows."""
    router = Listener()
    router.problem = UpstreamRateLimited("The provider asked us to slow down")
    with pytest.raises(UpstreamRateLimited):
        await served(transcriptions(router, space), form(file=SOUND))


async def test_compressed_forms_are_refused(space: SpillSpace) -> None:
    """Before they are read."""
    with pytest.raises(InvalidRequest) as caught:
        await served(transcriptions(Listener(), space), b"\x1f\x8b", content_encoding="gzip")
    assert caught.value.metadata == {"field": "content-encoding"}


def test_a_path_takes_as_much_as_the_largest_of_its_routes(tmp_path: Path) -> None:
    """Which of them is meant is not known while the body comes."""
    endpoint = edits(Images(), SpillSpace(tmp_path))
    sizes = {route_of(rpc).max_body_bytes for rpc in ("EditImages", "StreamEditImages")}
    assert endpoint.max_body_bytes == max(sizes) > 0
    assert endpoint.streams_body
