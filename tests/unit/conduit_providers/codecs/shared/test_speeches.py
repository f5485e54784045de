"""Wishes for speech, and sound on its way to callers."""

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.speeches import (
    MAX_ERROR_BYTES,
    SoundDecoder,
    SpeechWriter,
    Wish,
    check_format,
    check_length,
    own_members,
    wish_of,
)
from conduit_providers.model_rows import ModelRow, SpeakModel
from conduit_providers.operations.speak import SpeakCall, speech_request
from conduit_providers.quantities import counted
from conduit_providers.spec import Endpoint
from conduit_providers.speech import CHARACTER, SpeechEvents

ENDPOINT = Endpoint(
    codec="x",
    path="/",
    capabilities=frozenset({"wav", "mp3", "speed"}),
    models=(ModelRow(facts=SpeakModel(max_characters=5)),),
)


def call(content_type: str = "audio/mpeg", **members: object) -> SpeakCall:
    """Return a call that is answered in a media type."""
    json = orjson.dumps({"model": "m", "input": "Hello", **members})
    made = Call(speech_request(json=json), alias="m", model="m", provider="P")
    made.answer_headers = {"content-type": content_type} if content_type else {}
    return made


def check(**members: object) -> None:
    """Check a wish."""
    made = call(**members)  # type: ignore[arg-type] # members of the request alone
    check_length(made, wish_of(made), ENDPOINT)
    check_format(made, wish_of(made), ENDPOINT)


def test_a_text_that_is_too_long_is_refused_with_the_limit() -> None:
    """Characters count, not bytes."""
    check(input="Größe")
    with pytest.raises(InvalidRequest, match="has 6 characters, and P speaks at most 5") as raised:
        check(input="Größer")
    assert raised.value.metadata == {"field": "input", "limit": "5"}


def test_a_format_that_is_lacking_is_refused_with_the_list_of_what_there_is() -> None:
    """In order of name; without a word, it is mp3 that is wanted."""
    check()
    check(response_format="wav")
    with pytest.raises(UnsupportedCapability, match="P has no flac; it has mp3, wav") as raised:
        check(response_format="flac")
    assert raised.value.metadata["field"] == "response_format"


def test_what_is_no_wish_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequest):
        check(speed=[])


@pytest.mark.parametrize(
    ("voice", "name"),
    [("alloy", "alloy"), ({"id": "voice_1"}, "voice_1"), ({}, ""), (7, ""), (None, "")],
)
def test_a_voice_goes_by_its_name_or_its_id(voice: object, name: str) -> None:
    """What is neither is left to providers that pass it on."""
    assert wish_of(call(voice=voice)).voice_name == name


def test_what_openais_dialect_lacks_is_the_providers_own() -> None:
    """Without what says nothing."""
    made = call(voice="alloy", instructions="Whisper.", speed=1, seed=7, tag=None)
    assert own_members(made) == {"seed": 7}


def test_numbers_that_nobody_holds_are_the_callers_mistake() -> None:
    """Those of more than 64 bits are sent as they can be written."""
    made = SpeakCall(speech_request(json=b'{"input":"a","voice":"b","seed":1e999}'), "a", "m")
    with pytest.raises(InvalidRequest):
        own_members(made)
    made = SpeakCall(
        speech_request(json=b'{"input":"a","voice":"b","seed":1%b}' % (b"0" * 30)), "a", "m"
    )
    assert orjson.dumps(own_members(made)) == b'{"seed":1e+30}'


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("audio/wav", "audio/wav"),
        ("Audio/L16; rate=24000", "Audio/L16; rate=24000"),
        ("application/octet-stream", "audio/flac"),
        ("", "audio/flac"),
    ],
)
def test_the_media_type_is_the_providers_or_the_formats(told: str, expected: str) -> None:
    """It is told once."""
    writer = SpeechWriter(Wish(response_format="flac"), told)
    assert [writer.piece(b"a").content_type, writer.piece(b"b").content_type] == [expected, ""]


def test_a_format_that_nobody_knows_is_bytes() -> None:
    """A server of one's own may have it."""
    assert SpeechWriter(Wish(response_format="m4a")).piece(b"a").content_type == (
        "application/octet-stream"
    )


def test_sound_passes_as_it_comes_and_ends_with_the_answer() -> None:
    """Nothing is held back."""
    decoder = SoundDecoder(call())
    found = decoder.feed(b"abc")
    assert found is not None
    assert (found.audio, found.content_type) == (b"abc", "audio/mpeg")
    assert decoder.feed(b"") is None
    assert not decoder.done
    assert decoder.close() is None
    assert decoder.done


def test_sound_becomes_events_for_who_asked_for_them() -> None:
    """With what the answer's head said of its use."""
    decoder = SoundDecoder(call(stream_format="sse"), counted(((CHARACTER, 5),)))
    pieces = [decoder.feed(b"abc"), decoder.close()]
    events = [event for piece in pieces if piece for event in piece.pieces]
    assert [event.WhichOneof("event") for event in events] == [
        "speech_audio_delta",
        "speech_audio_done",
    ]
    assert events[1].speech_audio_done.usage.input_characters == 5
    assert isinstance(pieces[0], SpeechEvents)
    assert pieces[0].content_type == "text/event-stream"


def test_how_much_came_is_known_of_samples_and_guessed_of_what_is_compressed() -> None:
    """By their rate, or by the length of the text: 25 tokens a second."""
    sampled = SoundDecoder(call(response_format="pcm"))
    sampled.feed(b"\0" * 96_000)
    assert sampled.emitted == 50
    compressed = SoundDecoder(call(input="a" * 150, speed=2))
    compressed.feed(b"\0")
    assert compressed.emitted == 125


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_an_answer_that_is_no_sound_is_the_providers_fault(kind: str) -> None:
    """Whatever its status says, and however long it is."""
    decoder = SoundDecoder(call(kind))
    for _ in range(3):
        assert decoder.feed(b"x" * MAX_ERROR_BYTES) is None
    with pytest.raises(UpstreamError) as raised:
        decoder.close()
    assert raised.value.metadata["kind"] == "malformed"


def test_an_error_with_a_status_of_success_is_said_in_the_providers_words() -> None:
    """So that the next provider is asked."""
    decoder = SoundDecoder(call("application/json; charset=utf-8"))
    decoder.feed(b'{"error":{"message":"We are ')
    decoder.feed(b'overloaded."}}')
    with pytest.raises(UpstreamError, match="We are overloaded"):
        decoder.close()


def test_silence_is_no_answer() -> None:
    """An answer without a byte of sound."""
    with pytest.raises(UpstreamError):
        SoundDecoder(call()).close()
