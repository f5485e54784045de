"""Words of the simulator: the same for every sound, in each of OpenAI's forms."""

import orjson
import pytest

from conduit_simulator.errors import ApiError
from conduit_simulator.requests import TranscriptionRequest, read_transcription
from conduit_simulator.transcription import WORDS, transcript_events, transcription

TYPE = b"multipart/form-data; boundary=x"


def asked(response_format: str = "json", *granularities: str) -> TranscriptionRequest:
    """Return a wish for the words of a second and a half."""
    body = b""
    members = [("model", "transcribe"), ("response_format", response_format)]
    for name, value in (*members, *(("timestamp_granularities[]", each) for each in granularities)):
        body += b'--x\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (
            name.encode(),
            value.encode(),
        )
    body += b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n'
    body += b"content-type: audio/wav\r\n\r\n%b\r\n--x--\r\n" % bytes(48_000)
    return read_transcription(body, TYPE)


def test_documents_are_in_the_format_that_is_asked_for() -> None:
    """Subtitles end when the sound does."""
    assert transcription(asked("text")) == (b"%b\n" % WORDS.encode(), b"text/plain; charset=utf-8")
    assert b"00:00:00,000 --> 00:00:01,500\n" in transcription(asked("srt"))[0]
    body, media_type = transcription(asked("vtt"))
    assert body.startswith(b"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n")
    assert media_type == b"text/vtt; charset=utf-8"


def test_json_has_the_length_and_the_times_that_are_asked_for() -> None:
    """Segments unless only words are."""
    plain = orjson.loads(transcription(asked())[0])
    assert plain == {"text": WORDS, "usage": {"type": "duration", "seconds": 1.5}}
    verbose = orjson.loads(transcription(asked("verbose_json"))[0])
    assert verbose["segments"] == [{"id": 0, "start": 0.0, "end": 1.5, "text": WORDS}]
    assert "words" not in verbose
    words = orjson.loads(transcription(asked("verbose_json", "word"))[0])
    assert "segments" not in words
    assert (words["words"][0]["start"], words["words"][-1]["end"]) == (0.0, 1.5)


def test_events_are_the_words_and_then_all_of_them() -> None:
    """Joined they are the text."""
    events = [orjson.loads(each[6:]) for each in transcript_events(asked())]
    assert "".join(each["delta"] for each in events[:-1]) == WORDS == events[-1]["text"]
    assert events[-1]["usage"]["seconds"] == 1.5


@pytest.mark.parametrize("broken", [b"", b"--x--\r\n"])
def test_what_is_no_form_is_refused(broken: bytes) -> None:
    """As OpenAI does, with 400."""
    with pytest.raises(ApiError) as refused:
        read_transcription(broken, TYPE)
    assert refused.value.status == 400
    with pytest.raises(ApiError):
        asked("mp3")
