"""Whole transcriptions as events, and what callers are told of their use."""

import orjson

from conduit.v1.audio_requests_pb2 import TranscriptionEnd
from conduit.v1.json_runtime import parse
from conduit.v1.transcript_event_json import transcript_event_to_json
from conduit.v1.transcription_json import transcription_from_json
from conduit_providers.quantities import counted
from conduit_providers.token_counts import TokenCounts
from conduit_providers.transcripts import (
    AUDIO_MILLISECOND,
    transcript_events,
    usage_message,
    write_transcription_end,
)


def told(**members: object) -> list[dict[str, object]]:
    """Return the events of a whole answer."""
    words = transcription_from_json(parse(orjson.dumps(members)))
    return [
        orjson.loads(orjson.dumps(transcript_event_to_json(e))) for e in transcript_events(words)
    ]


def test_the_text_comes_at_once_and_then_again_with_what_is_of_all() -> None:
    """Joined, the deltas are the text."""
    usage = {"type": "duration", "seconds": 2.0}
    shared = {"languages": [{"code": "en"}], "logprobs": [{"token": "Hi"}], "usage": usage}
    assert told(text="Hi.", **shared) == [
        {"type": "transcript.text.delta", "delta": "Hi."},
        {"type": "transcript.text.done", "text": "Hi.", **shared},
    ]


def test_silence_has_an_end_alone() -> None:
    """There are no words to add."""
    assert told(text="") == [{"type": "transcript.text.done", "text": ""}]


def test_segments_are_events_where_speakers_are_told_apart() -> None:
    """Each with its words before it; segments without speakers are none of OpenAI's events."""
    spoken = {"id": "seg_7", "start": 0.5, "end": 1.5, "text": "Hi.", "speaker": "A"}
    first, second, _ = told(text="Hi.", segments=[spoken])
    assert first == {"type": "transcript.text.delta", "delta": "Hi.", "segment_id": "seg_7"}
    assert second == {"type": "transcript.text.segment", **spoken}
    again = told(text="Hi. Ho.", segments=[spoken, {**spoken, "text": "Ho."}])
    assert "".join(str(each.get("delta", "")) for each in again) == "Hi. Ho."
    numbered = told(text="Hi.", segments=[{**spoken, "id": 3}])
    assert numbered[1]["id"] == "seg_0"
    del spoken["speaker"]
    assert [each["type"] for each in told(text="Hi.", segments=[spoken])] == [
        "transcript.text.delta",
        "transcript.text.done",
    ]


def test_use_is_told_by_seconds_or_by_tokens() -> None:
    """Whatever the provider counts."""
    assert usage_message(counted(((AUDIO_MILLISECOND, 2500),))).duration.seconds == 2.5
    counts = TokenCounts(input_tokens=34, output_tokens=9, audio_input_tokens=30).quantities()
    tokens = usage_message(counts).tokens
    assert (tokens.input_tokens, tokens.output_tokens, tokens.total_tokens) == (34, 9, 43)
    details = tokens.input_token_details
    assert (details.audio_tokens, details.text_tokens) == (30, 4)


def test_nothing_is_told_where_nobody_counted() -> None:
    """Rather than zero."""
    end = TranscriptionEnd()
    write_transcription_end(end, None)
    assert not end.HasField("usage")
