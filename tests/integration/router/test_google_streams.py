"""Google Cloud's streaming recognition, through a router: recordings and live sessions."""

from collections.abc import AsyncIterator

import grpc
import pytest
from google.api_core.client_options import ClientOptions
from google.cloud.speech_v2 import SpeechAsyncClient
from google.cloud.speech_v2.services.speech.transports import SpeechGrpcAsyncIOTransport
from google.cloud.speech_v2.types import (
    AutoDetectDecodingConfig,
    ExplicitDecodingConfig,
    PhraseSet,
    RecognitionConfig,
    RecognitionFeatures,
    SpeechAdaptation,
    StreamingRecognitionConfig,
    StreamingRecognitionFeatures,
    StreamingRecognizeRequest,
)
from tests.integration.router.conftest import Bench, Runner
from tests.integration.router.test_aws_sessions import COMPLETED, SECOND, Caller
from tests.integration.router.test_transcribe_over_sockets import streamed
from tests.support.google_speech_upstream import (
    API_KEY,
    MOST_BYTES,
    Call,
    Recognizer,
    bill,
    recognizing,
    words,
)
from tests.support.snapshots import mapping, provider, snapshot
from tests.support.waiting import eventually

from conduit.v1 import charge_pb2
from conduit_kernel.errors import (
    InvalidApiKey,
    StreamInterrupted,
    UpstreamRateLimited,
    UpstreamRefused,
)
from conduit_providers.codecs.googlecloud import stream_session

RECOGNIZER = "projects/acme/locations/global/recognizers/_"
# More than three messages have.
RECORDING = bytes(range(200)) * 250


@pytest.fixture
async def upstream() -> AsyncIterator[Recognizer]:
    """Run the provider."""
    async with recognizing() as found:
        yield found


async def run(bench: Runner, upstream: Recognizer, number: int = 1) -> Bench:
    """Run a router with one instance; its key is the provider's where its number is 1."""
    found = provider(number, upstream.url, provider_type="GoogleCloud")
    found.settings.update({"project": "acme"})
    model = mapping(number, number, actual_model_name="chirp_3")
    return await bench(snapshot([found], mappings=[model]))


def seconds_charged(router: Bench) -> list[float]:
    """Return the seconds of each charge."""
    lines = [line for charge in router.charges() for line in charge.lines]
    assert {line.unit for line in lines} <= {charge_pb2.UNIT_AUDIO_INPUT_MILLISECOND}
    return [line.quantity / 1000 for line in lines]


def config(**members: object) -> RecognitionConfig:
    """Return what Google's SDK makes of a configuration."""
    features = RecognitionFeatures(enable_automatic_punctuation=True)
    return RecognitionConfig(model="chirp_3", features=features, **members)


async def test_the_emulator_speaks_to_googles_sdk(upstream: Recognizer) -> None:
    """So that what it takes and says is what Google's client library says and takes."""
    channel = grpc.aio.insecure_channel(upstream.url.removeprefix("http://"))
    client = SpeechAsyncClient(
        transport=SpeechGrpcAsyncIOTransport(channel=channel), client_options=ClientOptions()
    )

    async def said() -> AsyncIterator[StreamingRecognizeRequest]:
        streaming = StreamingRecognitionConfig(config=config())
        yield StreamingRecognizeRequest(recognizer=RECOGNIZER, streaming_config=streaming)
        for at in range(0, len(RECORDING), MOST_BYTES):
            yield StreamingRecognizeRequest(audio=RECORDING[at : at + MOST_BYTES])

    answers = await client.streaming_recognize(said(), metadata=(("x-goog-api-key", API_KEY),))
    found = [answer async for answer in answers]
    heard = [each.results[0] for each in found if each.results]
    assert [each.alternatives[0].transcript for each in heard if each.is_final] == [
        "Hello there.",
        "Bye.",
    ]
    assert found[-1] == bill(2.0)
    assert upstream.sound == [RECORDING]
    await channel.close()


async def test_words_are_handed_on_as_they_are_heard(bench: Runner, upstream: Recognizer) -> None:
    """What is asked is to the byte what Google's SDK asks; guesses are not handed on."""
    router = await run(bench, upstream)
    events = await streamed(router, RECORDING)
    assert [part.partition('"delta":')[2] for part in events.split("\n\n")][:2] == [
        '"Hello there."}',
        '" Bye."}',
    ]
    assert '"text":"Hello there. Bye."' in events
    (asked,) = upstream.asked
    expected = StreamingRecognizeRequest(
        recognizer=RECOGNIZER,
        streaming_config=StreamingRecognitionConfig(
            config=config(auto_decoding_config=AutoDetectDecodingConfig(), language_codes=["en-US"])
        ),
    )
    assert StreamingRecognizeRequest.serialize(asked) == StreamingRecognizeRequest.serialize(
        expected
    )
    assert upstream.sound == [RECORDING]
    assert seconds_charged(router) == [2.0]


async def test_a_key_that_is_wrong_is_told_as_such(bench: Runner, upstream: Recognizer) -> None:
    """Not as an answer that was broken off."""
    router = await run(bench, upstream, 2)
    with pytest.raises(InvalidApiKey):
        await streamed(router, RECORDING)
    assert seconds_charged(router) == []


async def refuse(_: Recognizer, call: Call) -> None:
    """Refuse before the sound has come."""
    await call.fail(grpc.StatusCode.INVALID_ARGUMENT, "Audio encoding is not supported.")


async def test_a_refusal_is_told_although_the_sound_is_not_all_sent(
    bench: Runner, upstream: Recognizer
) -> None:
    """In Google's words."""
    upstream.script = refuse
    router = await run(bench, upstream)
    with pytest.raises(UpstreamRefused, match="Audio encoding is not supported"):
        await streamed(router, bytes(4_000_000))


async def exhaust(_: Recognizer, call: Call) -> None:
    """Have no room."""
    await call.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded.")


async def cut(recognizer: Recognizer, call: Call) -> None:
    """Fail behind the first words."""
    await recognizer.piece(call)
    await call.say(words("Hello", 0.5))
    await call.fail(grpc.StatusCode.UNAVAILABLE, "Gone.")


async def test_a_failure_behind_the_first_words_is_no_end(
    bench: Runner, upstream: Recognizer
) -> None:
    """It would look whole."""
    upstream.script = cut
    router = await run(bench, upstream)
    with pytest.raises(StreamInterrupted):
        await streamed(router, RECORDING)


@pytest.fixture
async def live(bench: Runner, upstream: Recognizer) -> Bench:
    """Return a router whose one model hears live."""
    return await run(bench, upstream)


async def converse(recognizer: Recognizer, call: Call) -> None:
    """Say what was said after the first second, and no more after the sound's end."""
    await recognizer.piece(call)
    await call.say(words("Hello", 0.4, is_final=False))
    while len(recognizer.sound[-1]) < len(SECOND):
        if not await recognizer.piece(call):
            return
    await call.say(words("Hello there.", 0.9))
    while await recognizer.piece(call):
        pass
    await call.say(bill(1.0))


async def test_words_come_while_the_caller_speaks(live: Bench, upstream: Recognizer) -> None:
    """The first message is what Google's SDK makes of it; the sound arrives as it was."""
    upstream.script = converse
    caller = Caller(live)
    await caller.until("session.created")
    caller.speak()
    done = await caller.until(COMPLETED)
    assert done["transcript"] == "Hello there."
    caller.leave()
    await caller.until("")
    (asked,) = upstream.asked
    sound = ExplicitDecodingConfig(
        encoding=ExplicitDecodingConfig.AudioEncoding.LINEAR16,
        sample_rate_hertz=24000,
        audio_channel_count=1,
    )
    expected = StreamingRecognizeRequest(
        recognizer=RECOGNIZER,
        streaming_config=StreamingRecognitionConfig(
            config=config(explicit_decoding_config=sound, language_codes=["auto"]),
            streaming_features=StreamingRecognitionFeatures(interim_results=True),
        ),
    )
    assert StreamingRecognizeRequest.serialize(asked) == StreamingRecognizeRequest.serialize(
        expected
    )
    assert upstream.sound == [SECOND]
    assert seconds_charged(live) == [1.0]
    assert upstream.left == 0


async def test_settings_begin_another_call(live: Bench, upstream: Recognizer) -> None:
    """With words to expect, in the language that was named, at the rate of a telephone."""
    upstream.script = converse
    caller = Caller(live)
    await caller.until("session.created")
    hears = {"model": "gpt", "language": "de", "keywords": ["Conduit"]}
    audio = {"input": {"format": {"type": "audio/pcmu"}, "transcription": hears}}
    caller.say("session.update", session={"type": "transcription", "audio": audio})
    await caller.until("session.updated")
    caller.speak(bytes([255]) * 8000)

    async def has_heard() -> bool:
        return len(upstream.asked) == 2 and bool(upstream.sound[1])

    await eventually(has_heard)
    found = upstream.asked[1].streaming_config.config
    assert found.explicit_decoding_config.sample_rate_hertz == 8000
    assert list(found.language_codes) == ["de"]
    phrases = found.adaptation.phrase_sets[0].inline_phrase_set
    assert phrases == PhraseSet(phrases=[PhraseSet.Phrase(value="Conduit")])
    assert isinstance(found.adaptation, SpeechAdaptation)
    caller.leave()
    await caller.until("")


async def test_a_session_outlasts_a_call(
    live: Bench, upstream: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its time is up another one takes its place, in a pause; times go on from there."""
    monkeypatch.setattr(stream_session, "SOFT_MILLISECONDS", 500)
    upstream.script = converse
    caller = Caller(live)
    await caller.until("session.created")
    for _ in range(3):
        caller.speak()
        await caller.until(COMPLETED)
    caller.leave()
    await caller.until("")
    assert upstream.sound == [SECOND] * 3
    stopped = [each for each in caller.events if each["type"].endswith("speech_stopped")]
    assert [each["audio_end_ms"] for each in stopped] == [900, 1900, 2900]
    assert seconds_charged(live) == [3.0]


async def test_a_session_that_fails_ends_with_the_reason(live: Bench, upstream: Recognizer) -> None:
    """Google's own."""
    upstream.script = exhaust
    caller = Caller(live)
    with pytest.raises(UpstreamRateLimited, match="Quota exceeded"):
        await caller.until("")
