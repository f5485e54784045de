"""What users of gateways reported of sound and pictures, tried here: over HTTP, to a provider."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from tests.integration.router.conftest import Runner
from tests.integration.router.media_gateway import (
    SEGMENTS,
    TYPES,
    WORDS,
    MediaProvider,
    media_gateway,
    session,
)
from tests.support.session_upstream import created, event, holding
from tests.support.snapshots import (
    VIRTUAL_KEY,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from conduit_kernel.websocket import WebSocket

SOUND = ("a.wav", b"RIFF" + bytes(5000), "audio/wav")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(60)


@pytest.fixture
def upstream() -> MediaProvider:
    """Return the provider."""
    return MediaProvider()


@pytest_asyncio.fixture
async def url(bench: Runner, upstream: MediaProvider, tmp_path: Path) -> AsyncIterator[str]:
    """Run the gateway; return its address."""
    async with media_gateway(upstream, bench, tmp_path) as found:
        yield found


@pytest_asyncio.fixture
async def http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a caller."""
    headers = {"authorization": f"Bearer {VIRTUAL_KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client:
        yield client


async def heard(http: httpx.AsyncClient, **members: str) -> httpx.Response:
    """Ask what is said in a recording."""
    answer = await http.post("/audio/transcriptions", data=members, files={"file": SOUND})
    assert answer.status_code == 200, answer.text
    return answer


async def test_a_format_is_asked_for_as_the_caller_does(
    http: httpx.AsyncClient, upstream: MediaProvider
) -> None:
    """Or not at all: BerriAI/litellm#14944 (servers that know no `verbose_json` got it)."""
    await heard(http, model="whisper-1")
    await heard(http, model="whisper-1", response_format="json")
    asked = [dict(each.members).get("response_format") for each in upstream.forms]
    assert asked == [None, "json"]


async def test_a_transcript_that_is_text_comes_as_text(http: httpx.AsyncClient) -> None:
    """Neither as JSON nor read as such: BerriAI/litellm#31457, songquanpeng/one-api#735."""
    for kind in ("text", "srt", "vtt"):
        answer = await heard(http, model="whisper-1", response_format=kind)
        assert answer.headers["content-type"].startswith("text/")
        assert answer.text == WORDS


async def test_usage_without_details_is_no_fault(http: httpx.AsyncClient) -> None:
    """A local server's `null` there failed the transcript: BerriAI/litellm#33764."""
    assert (await heard(http, model="gpt-4o-transcribe")).json()["text"] == "Hi."


async def test_segments_arrive(http: httpx.AsyncClient) -> None:
    """All of what was told of them: BerriAI/litellm#25633."""
    answer = await heard(http, model="whisper-1", response_format="verbose_json")
    assert answer.json()["segments"] == orjson.loads(SEGMENTS)["segments"]


async def test_sound_is_called_what_it_is(http: httpx.AsyncClient) -> None:
    """Not MP3 whatever it is: BerriAI/litellm#4332, Portkey-AI/gateway#209."""
    wish = {"model": "gpt-4o-mini-tts", "input": "Hi.", "voice": "alloy"}
    for kind, media_type in TYPES.items():
        answer = await http.post("/audio/speech", json=wish | {"response_format": kind})
        assert (answer.status_code, answer.content) == (200, b"sound")
        assert answer.headers["content-type"] == media_type


async def test_several_pictures_in_brackets_are_files(
    http: httpx.AsyncClient, upstream: MediaProvider
) -> None:
    """And nothing beside them, the mask too: BerriAI/litellm#41625."""
    files = [("image[]", (f"{n}.png", PICTURE, "image/png")) for n in range(2)]
    mask = ("mask", ("m.png", PICTURE, "image/png"))
    wish = {"model": "gpt-image-2", "prompt": "blue"}
    answer = await http.post("/images/edits", data=wish, files=[*files, mask])
    assert answer.status_code == 200, answer.text
    (sent,) = upstream.forms
    assert [each[0] for each in sent.files] == ["0.png", "1.png", "m.png"]
    assert sent.members == [("model", "gpt-image-2"), ("prompt", "blue")]


async def test_pictures_are_sent_again_where_the_first_attempt_failed(
    http: httpx.AsyncClient, upstream: MediaProvider
) -> None:
    """Whole, though they came as a stream: BerriAI/litellm#26552."""
    upstream.failing = 1
    files = [(name, ("a.png", PICTURE, "image/png")) for name in ("image", "mask")]
    wish = {"model": "gpt-image-2", "prompt": "blue"}
    answer = await http.post("/images/edits", data=wish, files=files)
    assert answer.status_code == 200, answer.text
    assert [each[2] for each in upstream.forms[0].files] == [PICTURE, PICTURE]


async def test_a_change_may_be_asked_for_in_json(
    http: httpx.AsyncClient, upstream: MediaProvider
) -> None:
    """With the picture as an address in it: openclaw/openclaw#118561."""
    picture = "data:image/png;base64,iVBORw0KGgo="
    wish = {"model": "gpt-image-2", "prompt": "blue", "images": [{"image_url": picture}]}
    answer = await http.post("/images/edits", json=wish)
    assert answer.status_code == 200, answer.text
    assert len(upstream.forms) == 1


async def test_a_session_that_its_provider_ends_ends(url: str, upstream: MediaProvider) -> None:
    """With why, rather than never: BerriAI/litellm#39851."""

    async def refuse(socket: WebSocket) -> None:
        await socket.send(created())
        await socket.close(1011, "upstream gone")

    upstream.session = holding(refuse)
    async with asyncio.timeout(10), session(url) as socket:
        told = [orjson.loads(message) async for message in _until_closed(socket)]
        assert [each["type"] for each in told] == ["session.created", "error"]
        assert socket.close_code == 1011


async def test_settings_of_a_session_arrive_as_they_were(url: str, upstream: MediaProvider) -> None:
    """None is made up, none is lost: BerriAI/litellm#27054."""
    heard: list[Any] = []

    async def listen(socket: WebSocket) -> None:
        await socket.send(created())
        heard.append(orjson.loads(await socket.receive()))
        await socket.send(event("session.updated", session={"type": "realtime"}))

    upstream.session = holding(listen)
    settings = {"type": "realtime", "audio": {"input": {"turn_detection": None}}, "x_new": [1]}
    sent = {"type": "session.update", "session": settings}
    async with asyncio.timeout(10), session(url) as socket:
        await socket.recv()
        await socket.send(orjson.dumps(sent).decode())
        await socket.recv()
    assert heard == [sent]


async def test_a_page_with_its_key_in_a_subprotocol_gets_one_back(url: str) -> None:
    """Or its browser hangs up: BerriAI/litellm#6825."""
    names = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{VIRTUAL_KEY}")]
    address = url.replace("http", "ws", 1) + "/realtime?model=gpt-realtime"
    async with asyncio.timeout(10), connect(address, subprotocols=names, proxy=None) as socket:
        assert socket.subprotocol == "realtime"
        assert orjson.loads(await socket.recv())["type"] == "session.created"


async def test_events_of_speech_are_called_events(
    http: httpx.AsyncClient, upstream: MediaProvider
) -> None:
    """Where they are asked for, and sound where not: BerriAI/litellm#24301."""
    upstream.has_events = True
    wish = {"model": "gpt-4o-mini-tts", "input": "Hi.", "voice": "alloy"}
    answer = await http.post("/audio/speech", json=wish | {"stream_format": "sse"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert b"speech.audio.delta" in answer.content
    answer = await http.post("/audio/speech", json=wish | {"stream_format": "audio"})
    assert (answer.headers["content-type"], answer.content) == ("audio/mpeg", b"sound")


async def _until_closed(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    with suppress(ConnectionClosed):
        while True:
            yield await socket.recv()
