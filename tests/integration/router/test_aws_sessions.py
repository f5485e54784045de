"""Live transcriptions at Amazon Transcribe, through a router, on real sockets."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai import AsyncOpenAI, omit
from openai.types.realtime import RealtimeTranscriptionSessionCreateRequestParam
from tests.integration.router.conftest import MASTER_KEY, METADATA, Bench, Runner
from tests.integration.router.test_transcribe_over_sockets import SECRET, run
from tests.support.session_upstream import event
from tests.support.snapshots import ALIAS, ENCRYPTION_KEY, VIRTUAL_KEY
from tests.support.transcribe_upstream import Transcriber, exception, transcriber, words

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND
from conduit_bridge import bootstrap as bridge
from conduit_kernel.errors import InvalidApiKey
from conduit_kernel.settings import Settings
from conduit_kernel.websocket import WebSocket

COMPLETED = "conversation.item.input_audio_transcription.completed"
SECOND = bytes(range(1, 241)) * 200


@pytest.fixture
async def upstream() -> AsyncIterator[Transcriber]:
    """Run the provider."""
    async with transcriber(SECRET) as found:
        yield found


class Caller:
    """Holds a session: says what a test gives, and keeps what comes."""

    def __init__(self, router: Bench) -> None:
        self.events: list[Any] = []
        self.end: pb.SessionEnd | None = None
        self._said: asyncio.Queue[pb.ConverseRequest | None] = asyncio.Queue()
        begin = pb.ConverseStart(
            protocol=pb.SESSION_PROTOCOL_REALTIME, model=ALIAS, events=pb.EVENT_FORM_JSON
        )
        self._said.put_nowait(pb.ConverseRequest(start=begin))
        self._call = router.stub.Converse(self._messages(), METADATA)

    async def _messages(self) -> AsyncIterator[pb.ConverseRequest]:
        while (message := await self._said.get()) is not None:
            yield message

    def say(self, kind: str, **members: object) -> None:
        """Send an event."""
        self._said.put_nowait(pb.ConverseRequest(json=event(kind, **members).encode()))

    def speak(self, sound: bytes = SECOND) -> None:
        """Send sound."""
        self.say("input_audio_buffer.append", audio=b64encode(sound).decode())

    def leave(self) -> None:
        """Say that there is no more."""
        self._said.put_nowait(None)

    async def until(self, kind: str) -> Any:  # noqa: ANN401 # JSON
        """Receive up to an event of a type, or the end; return it."""
        async with asyncio.timeout(20):
            async for message in self._call:
                if message.WhichOneof("message") == "json":
                    self.events.append(orjson.loads(message.json))
                    if self.events[-1]["type"] == kind:
                        return self.events[-1]
                elif message.WhichOneof("message") == "finished":
                    self.end = message.finished
                    return None
        return None


async def hear(server: Transcriber, socket: WebSocket) -> None:
    """Say what was said after the first second, and no more after the sound's end."""
    server.sound += await server.piece(socket)
    await socket.send(words("Hello", 0.4, is_partial=True))
    server.sound += await server.piece(socket)
    await socket.send(words("Hello there.", 0.9))
    await server.listen(socket)


async def test_words_come_while_the_caller_speaks(bench: Runner, upstream: Transcriber) -> None:
    """The handshake is signed, the sound arrives as it was, and fifteen seconds are paid."""
    upstream.script = hear
    router = await run(bench, upstream)
    caller = Caller(router)
    await caller.until("session.created")
    caller.speak()
    done = await caller.until(COMPLETED)
    assert done["transcript"] == "Hello there."
    caller.leave()
    await caller.until("")
    assert upstream.asked == [
        {
            "identify-language": "true",
            "language-options": "en-US,es-US,fr-FR,de-DE,pt-BR",
            "media-encoding": "pcm",
            "sample-rate": "24000",
        }
    ]
    assert upstream.sound == SECOND
    charges = router.charges()
    lines = [(line.unit, line.quantity) for each in charges for line in each.lines]
    assert {unit for unit, _ in lines} == {UNIT_AUDIO_INPUT_MILLISECOND}
    assert sum(quantity for _, quantity in lines) == 15_000


async def test_a_failure_of_the_provider_is_told(bench: Runner, upstream: Transcriber) -> None:
    """With AWS's own name for it."""

    async def fail(server: Transcriber, socket: WebSocket) -> None:
        await server.piece(socket)
        await socket.send(exception("LimitExceededException", "You have reached your limit."))

    upstream.script = fail
    caller = Caller(await run(bench, upstream))
    caller.speak()
    told = await caller.until("error")
    assert told["error"]["code"] == "LimitExceededException"
    caller.leave()
    await caller.until("")


async def test_a_secret_that_is_wrong_is_told_before_the_session(
    bench: Runner, upstream: Transcriber
) -> None:
    """The handshake is refused."""
    caller = Caller(await run(bench, upstream, "wrong"))
    with pytest.raises(InvalidApiKey):
        await caller.until("session.created")


@pytest.mark.parametrize("names_model", [True, False])
async def test_over_http_it_is_an_openai_session(
    bench: Runner, upstream: Transcriber, tmp_path: Path, *, names_model: bool
) -> None:
    """As OpenAI's own client holds one of transcription, by the address that it has for these.

    There OpenAI itself takes the model in an event alone.
    """
    upstream.script = hear
    router = await run(bench, upstream)
    settings = Settings(
        data_dir=tmp_path / "bridge",
        http_port=0,
        master_key=MASTER_KEY,
        encryption_key=ENCRYPTION_KEY,
    )
    edge = await bridge.start(
        settings, router=router.process.stub, background=router.process.background
    )
    url = f"http://127.0.0.1:{edge.port}/v1"
    query: dict[str, object] = {"intent": "transcription"}
    heard: list[Any] = []
    async with (
        asyncio.timeout(20),
        AsyncOpenAI(api_key=VIRTUAL_KEY, base_url=url) as client,
        client.realtime.connect(model=ALIAS if names_model else omit, extra_query=query) as session,
    ):
        heard.append(await session.recv())
        if not names_model:
            asked: RealtimeTranscriptionSessionCreateRequestParam = {
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": ALIAS}}},
            }
            await session.session.update(session=asked)
        await session.input_audio_buffer.append(audio=b64encode(SECOND).decode())
        while heard[-1].type != COMPLETED:
            heard.append(await session.recv())
    await edge.drain(0.1)
    assert heard[0].type == "session.created"
    assert heard[-1].transcript == "Hello there."
    assert upstream.sound == SECOND
