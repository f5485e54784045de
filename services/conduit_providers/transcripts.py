"""Streamed transcriptions: their events, how whole answers become events, and their end."""

from collections.abc import Iterator

from conduit.v1.audio_requests_pb2 import TranscriptionEnd
from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND
from conduit.v1.transcript_event_json import (
    transcript_event_from_json,
    transcript_event_to_json,
)
from conduit.v1.transcript_event_pb2 import (
    TranscriptEvent,
    TranscriptTextDelta,
    TranscriptTextDone,
    TranscriptTextSegment,
)
from conduit.v1.transcription_pb2 import (
    Transcription,
    TranscriptionSegment,
    TranscriptionUsage,
)
from conduit_providers.quantities import AUDIO_INPUT, Quantities
from conduit_providers.typed_events import TypedEvents

AUDIO_MILLISECOND = int(UNIT_AUDIO_INPUT_MILLISECOND)


class TranscriptEvents(TypedEvents[TranscriptEvent]):
    """Pieces of a streamed transcription."""

    __slots__ = ()

    read_piece = staticmethod(transcript_event_from_json)
    write_piece = staticmethod(transcript_event_to_json)


def transcript_events(words: Transcription) -> Iterator[TranscriptEvent]:
    """Yield the events that say what a whole answer says.

    Where speakers are told apart, each segment is one; else the text comes at once. Of documents,
    such as subtitles, the text is the document.
    """
    segments = [each for each in words.segments if each.HasField("speaker")]
    for place, segment in enumerate(segments):
        name = segment.id.name or f"seg_{place}"
        yield from _segment_events(segment, name, is_first=place == 0)
    if words.text and not segments:
        yield TranscriptEvent(transcript_text_delta=TranscriptTextDelta(delta=words.text))
    done = TranscriptTextDone(text=words.text, languages=words.languages)
    done.logprobs_json = words.logprobs_json
    if words.HasField("usage"):
        done.usage.CopyFrom(words.usage)
    yield TranscriptEvent(transcript_text_done=done)


def _segment_events(
    segment: TranscriptionSegment, name: str, *, is_first: bool
) -> Iterator[TranscriptEvent]:
    # Whoever appends them gets the text.
    gap = "" if is_first or segment.text[:1].isspace() else " "
    delta = TranscriptTextDelta(delta=gap + segment.text, segment_id=name)
    yield TranscriptEvent(transcript_text_delta=delta)
    whole = TranscriptTextSegment(id=name, start=segment.start, end=segment.end)
    whole.text, whole.speaker = segment.text, segment.speaker
    yield TranscriptEvent(transcript_text_segment=whole)


def write_transcription_end(end: TranscriptionEnd, usage: Quantities | None) -> None:
    """Put what a stream used into its end."""
    if usage is not None:
        end.usage.CopyFrom(usage_message(usage))


def usage_message(usage: Quantities) -> TranscriptionUsage:
    """Return counts as OpenAI's usage of transcriptions has them: seconds, or tokens."""
    message = TranscriptionUsage()
    if milliseconds := usage.count(AUDIO_MILLISECOND):
        message.duration.seconds = milliseconds / 1000
        return message
    read, heard = usage.input_tokens, usage.count(AUDIO_INPUT)
    tokens = message.tokens
    tokens.input_tokens, tokens.output_tokens = read, usage.output_tokens
    tokens.total_tokens = read + usage.output_tokens
    tokens.input_token_details.audio_tokens = heard
    tokens.input_token_details.text_tokens = read - heard
    return message
