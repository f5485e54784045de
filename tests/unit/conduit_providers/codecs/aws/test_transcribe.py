"""What of a recording Amazon Transcribe is told, and how its words are handed on."""

import contextlib
import gc
import io
import wave
import weakref
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import parse_qs

import orjson
import pytest
from botocore.eventstream import EventStreamBuffer
from tests.support.eventstream import event

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.aws.languages import OWN_MODEL
from conduit_providers.codecs.aws.transcribe import CODEC
from conduit_providers.operations.transcribe import OPERATION, TranscribeCall
from conduit_providers.target import Target
from conduit_providers.transcripts import AUDIO_MILLISECOND
from conduit_providers.wire import HttpResponse, SocketExchange, SocketFrame, WebSocketRequest

ENDPOINT = load_catalog().find("AWS").endpoints["transcribe"]
TARGET = Target("P", "AWS", "https://transcribe.example", {"region": "eu-west-1"})
SAMPLES = bytes(range(250)) * 8


def wav(samples: bytes = SAMPLES) -> bytes:
    """Return a recording at 8 kHz, written by Python's own library."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(samples)
    return file.getvalue()


def call(sound: bytes, model: str = "transcribe", **members: object) -> TranscribeCall:
    """Return a call with its sound in it."""
    file = {"filename": "a.wav", "content": b64encode(sound).decode()}
    json = orjson.dumps({"model": "m", "file": file, **members})
    return Call(OPERATION.plain_form(json), alias="m", model=model, provider="P")


def begun(made: TranscribeCall, head: bytes) -> SocketExchange:
    """Return the exchange of a call whose upload begins with some bytes."""
    return CODEC.to_upstream(made, ENDPOINT, TARGET).begin(head)


def asked(model: str, **members: object) -> dict[str, str]:
    """Return what the handshake says of a recording's words."""
    handshake = begun(call(wav(), model, **members), wav()).handshake
    assert isinstance(handshake, WebSocketRequest)
    found = parse_qs(handshake.path.partition("?")[2])
    query = {name: values[0] for name, values in found.items()}
    assert (query.pop("media-encoding"), query.pop("sample-rate")) == ("pcm", "8000")
    return query


def sounds_in(frames: Iterable[SocketFrame]) -> list[bytes]:
    """Return the sound of frames, as AWS's own library reads them."""
    buffer = EventStreamBuffer()
    for each in frames:
        buffer.add_data(each.data)
    return [bytes(message.payload) for message in buffer]


@pytest.mark.parametrize(
    ("members", "query"),
    [
        ({"language": "en"}, {"language-code": "en-US"}),
        ({"language": "EN"}, {"language-code": "en-US"}),
        ({"language": "en-AU"}, {"language-code": "en-AU"}),
        ({"language": "xx"}, {"language-code": "xx"}),
        ({"languages": ["de"]}, {"language-code": "de-DE"}),
        (
            {"languages": ["de", "fr"]},
            {"identify-language": "true", "language-options": "de-DE,fr-FR"},
        ),
        (
            {},
            {"identify-language": "true", "language-options": "en-US,es-US,fr-FR,de-DE,pt-BR"},
        ),
    ],
)
def test_a_language_goes_by_its_dialect(members: dict[str, object], query: dict[str, str]) -> None:
    """What Transcribe does not know, it refuses; without a word it is told what may be spoken."""
    assert asked(OWN_MODEL, **members) == query


def test_a_model_of_the_accounts_own_goes_by_its_name() -> None:
    """AWS's own goes without one."""
    assert asked("mine", language="en")["language-model-name"] == "mine"


@pytest.mark.parametrize("size", [1, 7, 43, 44, 45, 1_000, 10_000])
def test_the_sound_is_the_same_however_it_comes(size: int) -> None:
    """Without the head, and without what follows the samples; the last event is empty."""
    made, data = call(wav()), wav() + b"LIST\x04\0\0\0more"
    exchange = begun(made, data)
    frames: list[SocketFrame] = []
    for at in range(0, len(data), size):
        frames += exchange.frames(data[at : at + size])
    frames += exchange.end()
    sounds = sounds_in(frames)
    assert b"".join(sounds) == SAMPLES
    assert [len(each) for each in sounds] == [1_600, 400, 0]
    assert [each.seconds for each in frames] == [0.1, 0.025, 0.0]
    assert made.sounded == 0.125


def test_an_attempt_counts_its_own_sound_alone() -> None:
    """Another one begins anew."""
    made = call(wav())
    for _ in range(2):
        exchange = begun(made, wav())
        frames = [*exchange.frames(wav()), *exchange.end()]
        assert (len(frames), made.sounded) == (3, 0.125)


def said(text: str, end: float) -> bytes:
    """Return an event with words."""
    alternatives = [{"Transcript": text, "Items": []}]
    told = {"Transcript": {"Results": [{"Alternatives": alternatives, "EndTime": end}]}}
    return event("TranscriptEvent", orjson.dumps(told))


FAILURE = event("InternalFailureException", b'{"Message":"words"}')


def test_words_before_a_failure_are_handed_out_first() -> None:
    """Whether it comes with them or later."""
    for rest in (b"", FAILURE):
        decoder = CODEC.decoder(call(wav()), ENDPOINT)
        events = decoder.feed(said("Hello.", 0.5) + FAILURE)
        assert events is not None
        assert b"Hello." in events.sse
        with pytest.raises(UpstreamError, match="words"):
            _ = decoder.feed(rest) if rest else decoder.close()


def test_a_failure_leaves_no_circle() -> None:
    """With the sound in it, which would be in memory until somebody looked for garbage."""
    gc.disable()
    try:
        decoder = CODEC.decoder(call(wav()), ENDPOINT)
        decoder.feed(said("Hello.", 0.5) + FAILURE)
        with contextlib.suppress(UpstreamError):
            decoder.feed(b"")
        with contextlib.suppress(UpstreamError):
            decoder.close()
        left = weakref.ref(decoder)
        del decoder
        assert left() is None
    finally:
        gc.enable()


def test_an_end_within_an_event_is_a_cut() -> None:
    """Wherever in the event it is."""
    data = said("Hello.", 0.5)
    for end in range(1, len(data)):
        decoder = CODEC.decoder(call(wav()), ENDPOINT)
        decoder.feed(data[:end])
        with pytest.raises(StreamInterrupted):
            decoder.close()
    decoder = CODEC.decoder(call(wav()), ENDPOINT)
    decoder.feed(data)
    assert not decoder.done
    decoder.close()
    assert decoder.done


@pytest.mark.parametrize(
    ("end", "sounded", "milliseconds"),
    [(0.5, 20.0, 20_000), (20.0, 0.5, 20_000), (0.5, 2.0, 15_000), (15.001, 0.0, 15_001)],
)
def test_all_of_the_sound_is_used_where_its_length_is_known(
    end: float, sounded: float, milliseconds: int
) -> None:
    """Silence is not told of; of compressed sound nothing else is known than what was heard.

    Fifteen seconds are charged for at least.
    """
    made = call(wav())
    made.sounded = sounded
    decoder = CODEC.decoder(made, ENDPOINT)
    decoder.feed(said("Hello.", end))
    decoder.close()
    answer = CODEC.from_upstream(HttpResponse(200, {}, said("Hello.", end)), made, ENDPOINT)
    for usage in (decoder.usage, answer.usage):
        assert usage is not None
        assert usage.count(AUDIO_MILLISECOND) == milliseconds


def test_a_failure_among_messages_is_found() -> None:
    """Words are none."""
    exchange = begun(call(wav()), wav())
    exchange.check(said("Hello.", 0.5))
    with pytest.raises(UpstreamError, match="words"):
        exchange.check(said("Hello.", 0.5) + FAILURE)
