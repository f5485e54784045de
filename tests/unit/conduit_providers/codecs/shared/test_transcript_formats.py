"""What was heard, in each format."""

import orjson
import pytest

from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_providers.codecs.shared.transcript_formats import (
    MAX_CUE_CHARACTERS,
    Heard,
    Segment,
    SpokenWord,
    grouped,
    in_format,
)
from conduit_providers.transcripts import AUDIO_MILLISECOND

HELLO = SpokenWord("Hello,", 0.5, 1.0)
ALL = SpokenWord("all.", 1.1, 1.5)
HEARD = Heard("Hello, all.", 2.25, "en", [HELLO, ALL])


def document(found: Heard, response_format: str) -> str:
    """Return a document, whose media type is none of JSON."""
    answer = in_format(found, TranscriptionRequest(response_format=response_format))
    assert answer.content_type.startswith("text/")
    return answer.body.decode()


def json_of(found: Heard, response_format: str, *granularities: str) -> dict[str, object]:
    """Return an answer's JSON."""
    asked = TranscriptionRequest(timestamp_granularities=granularities)
    asked.response_format = response_format
    answer = in_format(found, asked)
    assert answer.content_type == "application/json"
    told: dict[str, object] = orjson.loads(answer.body)
    return told


def test_documents_are_as_openai_has_them() -> None:
    """Text with its end of line, and subtitles in both spellings."""
    assert document(HEARD, "text") == "Hello, all.\n"
    assert document(HEARD, "srt") == "1\n00:00:00,500 --> 00:00:01,500\nHello, all.\n\n"
    assert document(HEARD, "vtt") == "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nHello, all.\n\n"


def test_json_has_what_is_asked_for() -> None:
    """The length is charged, and told, whatever the format."""
    usage = {"type": "duration", "seconds": 2.25}
    assert json_of(HEARD, "json") == {"text": "Hello, all.", "usage": usage}
    segment = {"id": 0, "start": 0.5, "end": 1.5, "text": "Hello, all."}
    verbose = json_of(HEARD, "verbose_json")
    assert verbose["segments"] == [segment]
    assert "words" not in verbose
    words = json_of(HEARD, "verbose_json", "word")
    assert words["words"] == [
        {"word": "Hello,", "start": 0.5, "end": 1.0},
        {"word": "all.", "start": 1.1, "end": 1.5},
    ]
    assert "segments" not in words
    both = json_of(HEARD, "verbose_json", "word", "segment")
    assert {"words", "segments"} <= both.keys()
    answer = in_format(HEARD, TranscriptionRequest())
    assert answer.usage is not None
    assert answer.usage.count(AUDIO_MILLISECOND) == 2250


def test_speakers_are_told_apart() -> None:
    """By the provider's segments, or by who says each word."""
    own = Heard("Hi.", 1.0, segments=[Segment("Hi.", 0.0, 1.0, "A")])
    assert json_of(own, "diarized_json")["segments"] == [
        {
            "type": "transcript.text.segment",
            "id": "seg_0",
            "start": 0.0,
            "end": 1.0,
            "text": "Hi.",
            "speaker": "A",
        }
    ]
    words = [SpokenWord("Hi.", 0.0, 0.4, "A"), SpokenWord("Ho.", 0.5, 0.9, "B")]
    segments = json_of(Heard("Hi. Ho.", 1.0, words=words), "diarized_json")["segments"]
    assert isinstance(segments, list)
    assert [each["speaker"] for each in segments] == ["A", "B"]


def test_a_pause_ends_what_is_said_in_one_go() -> None:
    """So does another speaker; where there are no spaces, none are put."""
    late = SpokenWord("Bye.", 2.6, 3.0)
    assert [each.text for each in grouped([HELLO, ALL, late])] == ["Hello, all.", "Bye."]
    signs = [SpokenWord("你", 0.0, 0.2), SpokenWord("好", 0.2, 0.4, is_spaced=False)]
    assert [each.text for each in grouped(signs)] == ["你好"]
    assert list(grouped([])) == []


def test_a_cue_can_be_read_while_it_is_shown() -> None:
    """No more than two lines, and no longer than seconds; the words are all there."""
    words = [SpokenWord("wordword", place / 4, place / 4 + 0.2) for place in range(100)]
    cues = document(Heard("", 25.0, words=words), "srt").split("\n\n")[:-1]
    lines = [cue.split("\n")[2] for cue in cues]
    assert max(map(len, lines)) <= MAX_CUE_CHARACTERS
    assert " ".join(lines).split() == ["wordword"] * 100
    slow = [SpokenWord("a", float(place), place + 0.9) for place in range(20)]
    assert len(list(grouped(slow, 84, 7.0))) == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\n\nb", "a b"), ("a --> b", "a -&gt; b"), ("<b>&", "&lt;b>&amp;")],
)
def test_words_cannot_end_a_cue_or_begin_one(text: str, line: str) -> None:
    """Nor be taken for markup."""
    found = document(Heard(text, 1.0, segments=[Segment(text, 0.0, 1.0)]), "vtt")
    assert found.split("\n")[3] == line.replace("&gt;", ">")


def test_times_that_cannot_be_crash_nothing() -> None:
    """They are a provider's."""
    odd = Heard("a", 1e300, segments=[Segment("a", -5.0, 1e300)])
    assert "00:00:00,000 --> 277777:46:40,000" in document(odd, "srt")
    assert json_of(odd, "json")["text"] == "a"
