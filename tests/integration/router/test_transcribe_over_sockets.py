"""Transcriptions over a WebSocket, through a router: at Amazon Transcribe."""

import asyncio
import struct
from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import ALIAS, ENCRYPTION_KEY, key, mapping, provider, snapshot
from tests.support.transcribe_upstream import Transcriber, exception, transcriber, words

from conduit.v1 import charge_pb2
from conduit.v1.audio_requests_pb2 import TranscribeRequest, TranscribeResponse
from conduit.v1.form_pb2 import FileChunk, Form, FormFile, FormMember
from conduit_kernel.errors import (
    InvalidApiKey,
    StreamInterrupted,
    UnsupportedCapability,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnreachable,
)
from conduit_kernel.secrets import Vault
from conduit_kernel.websocket import WebSocket

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
RATE = 8_000
# 1.25 seconds.
SAMPLES = bytes(range(250)) * 80
FORM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
WAV = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + FORM + b"data" + struct.pack("<I", len(SAMPLES)) + SAMPLES


@pytest.fixture
async def upstream() -> AsyncIterator[Transcriber]:
    """Run the provider."""
    async with transcriber(SECRET) as found:
        yield found


async def run(bench: Runner, upstream: Transcriber, secret: str = SECRET) -> Bench:
    """Run a router with one instance."""
    found = provider(1, upstream.address, provider_type="AWS")
    found.settings.update({"region": "eu-west-1"})
    entry = key(1, 1)
    value = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": secret}
    text = orjson.dumps(value).decode()
    entry.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(text, entry.credential.id))
    model = mapping(1, 1, actual_model_name="transcribe")
    return await bench(snapshot([found], keys=[entry], mappings=[model]))


async def messages(data: bytes) -> AsyncIterator[TranscribeRequest]:
    """Yield a request and its sound, in small pieces."""
    file = FormFile(filename="a.wav")
    members = [
        FormMember(name="file", file=file, content_type="audio/wav"),
        FormMember(name="model", value=ALIAS.encode()),
        FormMember(name="language", value=b"en"),
    ]
    first = TranscribeRequest()
    first.start.multipart.CopyFrom(Form(members=members))
    yield first
    for at in range(0, len(data), 999):
        yield TranscribeRequest(chunk=FileChunk(data=data[at : at + 999]))


async def transcribe(router: Bench, data: bytes = WAV) -> str:
    """Ask for the words at once."""
    response: TranscribeResponse = await router.stub.Transcribe(messages(data), METADATA)
    return str(orjson.loads(response.content.body)["text"])


async def streamed(router: Bench, data: bytes = WAV) -> str:
    """Ask for the words as they are heard; return all events."""
    answer = router.stub.StreamTranscribe(messages(data), METADATA)
    return b"".join([message.events async for message in answer]).decode()


def seconds_charged(router: Bench) -> list[float]:
    """Return the seconds of each charge."""
    return [line.quantity / 1000 for charge in router.charges() for line in charge.lines]


async def test_the_sound_goes_out_without_its_head_and_words_come_back(
    bench: Runner, upstream: Transcriber
) -> None:
    """It is told of in the handshake; what is charged is the least there is."""
    router = await run(bench, upstream)
    assert await transcribe(router) == "Hello there. Bye."
    about = {"language-code": "en-US", "media-encoding": "pcm", "sample-rate": "8000"}
    assert (upstream.asked, upstream.sound) == ([about], SAMPLES)
    # A tenth of a second each, the rest, and the end.
    assert upstream.sizes == [1600] * 12 + [800, 0]
    assert seconds_charged(router) == [15.0]
    (charge,) = router.charges()
    assert [line.unit for line in charge.lines] == [charge_pb2.UNIT_AUDIO_INPUT_MILLISECOND]


async def test_words_are_handed_on_as_they_are_heard(bench: Runner, upstream: Transcriber) -> None:
    """Partial ones are not: they are heard again."""
    router = await run(bench, upstream)
    events = await streamed(router)
    assert [part.partition('"delta":')[2] for part in events.split("\n\n")][:2] == [
        '"Hello there."}',
        '" Bye."}',
    ]
    assert '"text":"Hello there. Bye."' in events
    assert seconds_charged(router) == [15.0]


async def fail(_: Transcriber, socket: WebSocket) -> None:
    """Refuse before the sound has come, and end the session well."""
    await socket.send(exception("BadRequestException", "Your stream is too big."))


@pytest.mark.parametrize("ask", [transcribe, streamed])
async def test_an_exception_is_told_although_the_sound_is_not_all_sent(
    bench: Runner, upstream: Transcriber, ask: object
) -> None:
    """The connection's end says less than what came before it."""
    upstream.script = fail
    router = await run(bench, upstream)
    assert callable(ask)
    with pytest.raises(UpstreamRefused, match="Your stream is too big"):
        await ask(router)


async def leave(transcriber: Transcriber, socket: WebSocket) -> None:
    """End the session well, with words, but before the sound is all there."""
    await socket.send(words("Hello", 0.5))
    await transcriber.piece(socket)


async def test_an_answer_to_half_of_the_sound_is_none(bench: Runner, upstream: Transcriber) -> None:
    """It would look whole."""
    upstream.script = leave
    router = await run(bench, upstream)
    with pytest.raises(UpstreamUnreachable):
        await transcribe(router, WAV + bytes(4_000_000))


async def abort(transcriber: Transcriber, socket: WebSocket) -> None:
    """Break the connection once all sound is there."""
    await socket.send(words("Hello", 0.5))
    await transcriber.listen(socket)
    socket.abort()


async def test_a_connection_that_breaks_is_no_end(bench: Runner, upstream: Transcriber) -> None:
    """Neither whole, nor of a stream whose first words were handed on."""
    upstream.script = abort
    router = await run(bench, upstream)
    with pytest.raises(UpstreamError):
        await transcribe(router)
    with pytest.raises(StreamInterrupted):
        await streamed(router)


async def test_a_signature_that_is_wrong_is_told_as_the_keys_fault(
    bench: Runner, upstream: Transcriber
) -> None:
    """The handshake is refused with AWS's own code."""
    router = await run(bench, upstream, "another secret")
    with pytest.raises(InvalidApiKey):
        await transcribe(router)
    assert upstream.asked == []


async def test_a_format_that_is_not_heard_is_refused_with_the_list_of_what_there_is(
    bench: Runner, upstream: Transcriber
) -> None:
    """Nothing is sent, and nothing charged."""
    router = await run(bench, upstream)
    for ask in (transcribe, streamed):
        with pytest.raises(UnsupportedCapability, match="hears flac, ogg with Opus, and wav"):
            await ask(router, b"ID3 sound as mp3")
    assert (upstream.asked, router.charges()) == ([], [])


async def test_sound_is_sent_no_faster_than_it_is_heard(
    bench: Runner, upstream: Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for a lead, here of none: the last piece of 1.25 s goes out 1.2 s after the first."""
    monkeypatch.setattr("conduit_router.jobs.socket_calls.LEAD_SECONDS", 0.0)
    router = await run(bench, upstream)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await transcribe(router) == "Hello there. Bye."
    # Clocks of timers are coarse.
    assert loop.time() - began >= 1.15
