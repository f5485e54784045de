"""The words of any sound: always the same ones, as many seconds long as the sound is at 16 kHz."""

from collections.abc import Iterator
from typing import Any

import orjson

from conduit_simulator.requests import TranscriptionRequest
from conduit_simulator.text import tokens_of

WORDS = "The quick brown fox jumps over the lazy dog."
# Of sound at 16 kHz with 16 bits, the least that a WAV file of speech usually has.
_BYTES_PER_SECOND = 32_000

Json = dict[str, Any]


def transcription(request: TranscriptionRequest) -> tuple[bytes, bytes]:
    """Return OpenAI's answer in the format that is asked for, and its media type."""
    seconds = seconds_of(request)
    match request.response_format:
        case "text":
            return f"{WORDS}\n".encode(), b"text/plain; charset=utf-8"
        case "srt":
            cue = f"1\n{_time(0, ',')} --> {_time(seconds, ',')}\n{WORDS}\n\n"
            return cue.encode(), b"text/plain; charset=utf-8"
        case "vtt":
            cue = f"WEBVTT\n\n{_time(0, '.')} --> {_time(seconds, '.')}\n{WORDS}\n\n"
            return cue.encode(), b"text/vtt; charset=utf-8"
        case "verbose_json":
            return orjson.dumps(_verbose(request, seconds)), b"application/json"
        case _:
            return orjson.dumps({"text": WORDS, "usage": _usage(seconds)}), b"application/json"


def transcript_events(request: TranscriptionRequest) -> Iterator[bytes]:
    """Yield OpenAI's events: the words one by one, then all of them."""
    for word in tokens_of(WORDS):
        yield _event({"type": "transcript.text.delta", "delta": word})
    seconds = seconds_of(request)
    yield _event({"type": "transcript.text.done", "text": WORDS, "usage": _usage(seconds)})


def seconds_of(request: TranscriptionRequest) -> float:
    """Return how long a sound is taken to be."""
    return round(request.file / _BYTES_PER_SECOND, 3)


def _verbose(request: TranscriptionRequest, seconds: float) -> Json:
    whole = {"start": 0.0, "end": seconds, "text": WORDS}
    answer: Json = {"task": "transcribe", "language": "english", "duration": seconds, "text": WORDS}
    answer["usage"] = _usage(seconds)
    # As OpenAI's: words alone where words alone are asked for.
    asked = request.timestamp_granularities or ["segment"]
    if "segment" in asked:
        answer["segments"] = [{"id": 0, **whole}]
    if "word" in asked:
        words = WORDS.rstrip(".").split()
        step = seconds / len(words)
        answer["words"] = [
            {"word": word, "start": round(place * step, 3), "end": round((place + 1) * step, 3)}
            for place, word in enumerate(words)
        ]
    return answer


def _usage(seconds: float) -> Json:
    return {"type": "duration", "seconds": seconds}


def _time(seconds: float, point: str) -> str:
    millis = round(seconds * 1000)
    minutes, rest = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _event(members: Json) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(members)
