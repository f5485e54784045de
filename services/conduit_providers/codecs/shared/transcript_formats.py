"""What was heard, in each of the formats that callers may ask for.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import orjson

from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_providers.operations.transcribe import (
    JSON_TYPE,
    TranscriptionAnswer,
    heard,
    transcription_answer,
)
from conduit_providers.quantities import Qualifiers
from conduit_providers.transcripts import AUDIO_MILLISECOND

# As OpenAI sends them.
TEXT_TYPE = "text/plain; charset=utf-8"
VTT_TYPE = "text/vtt; charset=utf-8"
# What people read at once: two lines of 42 characters, for seven seconds at most.
# https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977
MAX_CUE_CHARACTERS = 84
MAX_CUE_SECONDS = 7.0
# A silence that ends what is said in one go.
PAUSE_SECONDS = 1.0

Json = dict[str, Any]


class SpokenWord(msgspec.Struct, frozen=True):
    """A word with its time in seconds, and whose it is where speakers are told apart."""

    text: str
    start: float
    end: float
    speaker: str = ""
    # Whether it stands apart from the word before, as in most languages.
    is_spaced: bool = True


class Segment(msgspec.Struct):
    """A stretch of speech, said in one go."""

    text: str
    start: float
    end: float
    speaker: str = ""


class Heard(msgspec.Struct):
    """The words of a sound, as a provider heard them."""

    text: str
    # Of the sound, in seconds.
    duration: float
    # As the provider names it.
    language: str = ""
    words: Sequence[SpokenWord] = ()
    # As the provider has them; made of the words where it has none.
    segments: Sequence[Segment] = ()
    # What its price depends on beside its length.
    qualifiers: Qualifiers = ()
    # The shortest that is charged for, in seconds.
    least: float = 0.0


def in_format(found: Heard, asked: TranscriptionRequest) -> TranscriptionAnswer:
    """Return what was heard as the caller asks for it."""
    usage = heard(max(found.duration, found.least), found.qualifiers)
    json: Json
    match asked.response_format:
        case "text":
            return transcription_answer(f"{found.text}\n".encode(), TEXT_TYPE, usage)
        case "srt":
            return transcription_answer(_srt(_cues(found)).encode(), TEXT_TYPE, usage)
        case "vtt":
            return transcription_answer(_vtt(_cues(found)).encode(), VTT_TYPE, usage)
        case "verbose_json":
            json = _verbose(found, asked.timestamp_granularities)
        case "diarized_json":
            json = _diarized(found)
        case _:
            json = {"text": found.text}
    # As charges have it, whatever the provider has behind the point.
    seconds = usage.count(AUDIO_MILLISECOND) / 1000
    json["usage"] = {"type": "duration", "seconds": seconds}
    return transcription_answer(orjson.dumps(json), JSON_TYPE, usage)


def _verbose(found: Heard, granularities: Sequence[str]) -> Json:
    json: Json = {"task": "transcribe", "language": found.language}
    json |= {"duration": found.duration, "text": found.text}
    if "word" in granularities:
        json["words"] = [{"word": w.text, "start": w.start, "end": w.end} for w in found.words]
    if "segment" in granularities or not granularities:
        json["segments"] = [
            {"id": place, "start": each.start, "end": each.end, "text": each.text}
            for place, each in enumerate(_segments(found))
        ]
    return json


def _diarized(found: Heard) -> Json:
    segments = [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{place}",
            "start": each.start,
            "end": each.end,
            "text": each.text,
            "speaker": each.speaker,
        }
        for place, each in enumerate(_segments(found))
    ]
    told = {"task": "transcribe", "duration": found.duration, "text": found.text}
    return {**told, "segments": segments}


def _segments(found: Heard) -> Sequence[Segment]:
    return found.segments or list(grouped(found.words))


def _cues(found: Heard) -> Iterable[Segment]:
    """Return what is shown at once."""
    if found.words:
        return grouped(found.words, MAX_CUE_CHARACTERS, MAX_CUE_SECONDS)
    return found.segments


def grouped(
    words: Iterable[SpokenWord], characters: int | None = None, seconds: float | None = None
) -> Iterator[Segment]:
    """Yield what is said in one go, and fits within bounds.

    It ends where another one speaks, or nobody does for a while.
    """
    group: Segment | None = None
    for word in words:
        if group is not None and _goes_on(group, word, characters, seconds):
            group.text += f" {word.text}" if word.is_spaced else word.text
            group.end = word.end
            continue
        if group is not None:
            yield group
        group = Segment(word.text, word.start, word.end, word.speaker)
    if group is not None:
        yield group


def _goes_on(
    group: Segment, word: SpokenWord, characters: int | None, seconds: float | None
) -> bool:
    return (
        word.speaker == group.speaker
        and word.start - group.end < PAUSE_SECONDS
        and (characters is None or len(group.text) + len(word.text) < characters)
        and (seconds is None or word.end - group.start <= seconds)
    )


def _srt(cues: Iterable[Segment]) -> str:
    """Write SubRip's format, which has no standard but what players read."""
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_line(cue)}\n\n"
        for number, cue in enumerate(cues, 1)
    )


def _vtt(cues: Iterable[Segment]) -> str:
    """Write WebVTT: https://www.w3.org/TR/webvtt1/."""
    written = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_escaped(_line(cue))}\n\n"
        for cue in cues
    ]
    return "WEBVTT\n\n" + "".join(written)


def _line(cue: Segment) -> str:
    # A blank line would end the cue, and an arrow begin another one.
    return " ".join(cue.text.split()).replace("-->", "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _clock(seconds: float, point: str) -> str:
    minutes, millis = divmod(round(max(0.0, min(seconds, 1e9)) * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{millis // 1000:02}{point}{millis % 1000:03}"
