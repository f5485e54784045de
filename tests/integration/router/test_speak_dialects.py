"""Speech in dialects other than OpenAI's, through a router: what is asked, and charged."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.signatures import is_signed
from tests.support.snapshots import ENCRYPTION_KEY, key, mapping, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import charge_pb2
from conduit.v1.audio_requests_pb2 import SpeakRequest, SpeakResponse
from conduit_kernel.errors import UnsupportedCapability
from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.secrets import Vault

AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class Voices:
    """Speaks as Deepgram, ElevenLabs, Google Cloud and Polly do, each in its place."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.are_signed: list[bool] = []

    async def __call__(self, exchange: Exchange) -> None:
        """Speak; Deepgram and Polly count, in the head."""
        target = f"{exchange.path}?{exchange.query}"
        self.asked.append((target, orjson.loads(exchange.body)))
        if exchange.path == "/v1/text:synthesize":
            body = orjson.dumps({"audioContent": b64encode(b"ID3more").decode()})
            exchange.respond(200, [(b"content-type", b"application/json")], body)
            return
        headers = [(b"content-type", b"audio/mpeg")]
        if exchange.path == "/v1/speak":
            headers.append((b"dg-char-count", b"7"))
        if exchange.path == "/v1/speech":
            headers.append((b"x-amzn-requestcharacters", b"6"))
            names = ("authorization", "content-type", "x-amz-date")
            fields = {name: (exchange.headers.get(name.encode()) or b"").decode() for name in names}
            url = f"{self.address}{exchange.path}"
            self.are_signed.append(is_signed("POST", url, fields, exchange.body, AWS_SECRET))
        stream = exchange.start(200, headers)
        for piece in (b"ID3", b"more"):
            stream.write(piece)
            await stream.drain()
        stream.finish()


@pytest.fixture
async def voices() -> AsyncIterator[Voices]:
    """Run a server that speaks both dialects."""
    made = Voices()
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.port}"
    yield made
    await server.drain(0.1)


TWO = {"ElevenLabs": "eleven_flash_v2_5", "Deepgram": "aura-2-thalia-en"}


def speakers(voices: Voices, models: Mapping[str, str] = TWO) -> Snapshot:
    """Return a configuration of provider types in order, each with a model."""
    found = [
        provider(number, voices.address, provider_type=kind, priority=number)
        for number, kind in enumerate(models, 1)
    ]
    return snapshot(
        found,
        keys=[key(each.id, each.id) for each in found],
        mappings=[
            mapping(number, number, actual_model_name=model, priority=number)
            for number, model in enumerate(models.values(), 1)
        ],
    )


def polly(voices: Voices) -> Snapshot:
    """Return a configuration of Amazon Polly alone, with an access key."""
    found = provider(1, voices.address, provider_type="AWS")
    found.settings.update({"region": "eu-west-1"})
    entry = key(1, 1)
    value = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": AWS_SECRET}
    text = orjson.dumps(value).decode()
    entry.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(text, entry.credential.id))
    return snapshot(
        [found], keys=[entry], mappings=[mapping(1, 1, actual_model_name="polly-neural")]
    )


async def spoken(router: Bench, **members: object) -> list[SpeakResponse]:
    """Return all messages of an answer."""
    wish = {"model": "gpt", "input": "Größe", "voice": "v1", **members}
    request = SpeakRequest(json=orjson.dumps(wish))
    return [message async for message in router.stub.Speak(request, METADATA)]


def sound_in(messages: list[SpeakResponse]) -> bytes:
    """Return the bytes of an answer."""
    return b"".join(message.audio for message in messages)


async def test_elevenlabs_is_charged_by_the_characters_of_the_text(
    bench: Runner, voices: Voices
) -> None:
    """Its voice is in the path, its format in the query."""
    router = await bench(speakers(voices))
    messages = await spoken(router)
    assert (sound_in(messages), messages[0].content_type) == (b"ID3more", "audio/mpeg")
    assert voices.asked == [
        (
            "/v1/text-to-speech/v1/stream?output_format=mp3_44100_128",
            {"text": "Größe", "model_id": "eleven_flash_v2_5"},
        )
    ]
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_CHARACTER, 5)]
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE


async def test_deepgram_has_formats_that_others_lack_and_counts_itself(
    bench: Runner, voices: Voices
) -> None:
    """ElevenLabs, which comes first, is not asked; the charge is of the answer's head."""
    router = await bench(speakers(voices))
    messages = await spoken(router, response_format="flac")
    assert sound_in(messages) == b"ID3more"
    assert messages[-1].finished.usage.input_characters == 7
    assert voices.asked == [
        ("/v1/speak?model=aura-2-thalia-en&encoding=flac", {"text": "Größe"}),
    ]
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_CHARACTER, 7)]
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER


async def test_polly_is_asked_with_a_signature_and_counts_itself(
    bench: Runner, voices: Voices
) -> None:
    """The model is the engine; the charge is of the answer's head."""
    router = await bench(polly(voices))
    messages = await spoken(router, voice="Joanna")
    assert sound_in(messages) == b"ID3more"
    wish = {"OutputFormat": "mp3", "Engine": "neural", "Text": "Größe", "VoiceId": "Joanna"}
    assert voices.asked == [("/v1/speech?", wish)]
    assert voices.are_signed == [True]
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_CHARACTER, 6)]
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER


async def test_who_names_no_voice_is_served_where_the_model_names_it(
    bench: Runner, voices: Voices
) -> None:
    """ElevenLabs could not be asked."""
    router = await bench(speakers(voices))
    assert sound_in(await spoken(router, voice=None)) == b"ID3more"
    assert [target.partition("?")[0] for target, _ in voices.asked] == ["/v1/speak"]


async def test_a_format_that_nobody_has_is_refused(bench: Runner, voices: Voices) -> None:
    """Nothing is sent."""
    router = await bench(speakers(voices))
    with pytest.raises(UnsupportedCapability):
        await spoken(router, response_format="m4a")
    assert (voices.asked, router.charges()) == ([], [])


async def test_google_cloud_puts_sound_into_json_and_is_charged_by_the_character(
    bench: Runner, voices: Voices
) -> None:
    """The caller gets bytes, as of everybody else; a faster speech is for the next in line."""
    router = await bench(speakers(voices, {"GoogleCloud": "Chirp3-HD"} | TWO))
    messages = await spoken(router, voice="Kore")
    assert (sound_in(messages), messages[0].content_type) == (b"ID3more", "audio/mpeg")
    ((target, body),) = voices.asked
    assert target.partition("?")[0] == "/v1/text:synthesize"
    assert body["voice"] == {"languageCode": "en-US", "name": "en-US-Chirp3-HD-Kore"}
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_CHARACTER, 5)]
    await spoken(router, voice="Kore", speed=3)
    assert voices.asked[1][0].startswith("/v1/text-to-speech/Kore/stream")
