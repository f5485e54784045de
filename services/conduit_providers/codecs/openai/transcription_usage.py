"""What a transcription used, as OpenAI's dialect says it: tokens, or seconds of sound.

https://platform.openai.com/docs/api-reference/audio/json-object
"""

import msgspec

from conduit_providers.operations.transcribe import heard
from conduit_providers.quantities import Quantities
from conduit_providers.token_counts import TokenCounts


class _Details(msgspec.Struct):
    audio_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: _Details | None = None
    seconds: float | None = None


def transcription_usage(reported: object, duration: float | None = None) -> Quantities | None:
    """Return what a usage object says; else the length of the sound; None if nobody says any."""
    try:
        usage = msgspec.convert(reported, _Usage | None, strict=False) or _Usage()
    except msgspec.ValidationError:
        usage = _Usage()
    if usage.input_tokens is not None:
        details = usage.input_token_details or _Details()
        return TokenCounts(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens or 0,
            audio_input_tokens=details.audio_tokens or 0,
        ).quantities()
    seconds = duration if usage.seconds is None else usage.seconds
    return None if seconds is None else heard(seconds)
