"""Tones of the simulator: real sound, as long as the text, the same for a text."""

import io
import wave
from base64 import b64decode

import orjson
import pytest

from conduit_simulator.errors import ApiError
from conduit_simulator.requests import SpeechRequest
from conduit_simulator.speech import PIECE_BYTES, RATE, media_type_of, speech, speech_events

TEXT = "a" * 30


def request(**members: object) -> SpeechRequest:
    """Return a wish."""
    return SpeechRequest(**{"model": "speech", "input": TEXT, "response_format": "wav"} | members)  # type: ignore[arg-type] # as its members are


def test_a_wave_file_is_as_long_as_its_text() -> None:
    """Thirty characters take two seconds, and one at twice the speed."""
    for speed, seconds in ((1.0, 2), (2.0, 1)):
        sound = b"".join(speech(request(speed=speed)))
        with wave.open(io.BytesIO(sound)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
            assert file.getnframes() == RATE * seconds
            frames = file.readframes(RATE)
        assert max(frames) > 0


def test_samples_are_the_waves_without_its_head() -> None:
    """In pieces of at most a tenth of a second."""
    sound = list(speech(request(response_format="pcm")))
    assert max(map(len, sound)) <= PIECE_BYTES
    assert b"".join(speech(request())).endswith(b"".join(sound))
    assert len(b"".join(sound)) == 2 * RATE * 2


def test_a_text_has_its_own_tone() -> None:
    """Tests can tell speeches apart, and compare them."""
    one, other = ("".join(text) for text in ("aa", "bb"))
    first = b"".join(speech(request(input=one)))
    assert first == b"".join(speech(request(input=one)))
    assert first != b"".join(speech(request(input=other)))


def test_events_bring_the_same_sound_and_what_it_used() -> None:
    """Twenty tokens a second."""
    asked = request(response_format="pcm")
    events = [orjson.loads(each[6:]) for each in speech_events(asked, speech(asked))]
    sound = b"".join(b64decode(each["audio"]) for each in events[:-1])
    assert sound == b"".join(speech(asked))
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"] == {"input_tokens": 4, "output_tokens": 40, "total_tokens": 44}


def test_formats_that_are_not_made_are_refused() -> None:
    """With the list of those that are."""
    with pytest.raises(ApiError) as raised:
        speech(request(response_format="mp3"))
    error = orjson.loads(raised.value.body())["error"]
    assert (error["param"], error["message"]) == (
        "response_format",
        "response_format must be one of [wav, pcm]",
    )
    assert media_type_of(request()) == ((b"content-type", b"audio/wav"),)
