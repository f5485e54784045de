"""What is counted in OpenAI's sessions.

Responses of realtime sessions count tokens by modality and say what of each is from the cache;
transcriptions count tokens or seconds; live sessions count seconds, and what works behind them
tokens, as in OpenAI's Responses. openai 3.57: types.realtime, types.live, types.responses.
"""

import msgspec

from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND
from conduit_providers.operations.converse import SESSION_MILLISECOND
from conduit_providers.quantities import (
    AUDIO_INPUT,
    IMAGE_INPUT,
    INPUT,
    Quantities,
    counted,
    milliseconds,
)
from conduit_providers.token_counts import TokenCounts

_AUDIO_MILLISECOND = int(UNIT_AUDIO_INPUT_MILLISECOND)


class _Modalities(msgspec.Struct, frozen=True):
    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens_details: "_Modalities | None" = None


_NONE = _Modalities()


class SessionUsage(msgspec.Struct, frozen=True):
    """The value of an event's `usage`, whatever it counts."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    # Realtime sessions and transcriptions; Responses have their own spelling.
    input_token_details: _Modalities | None = None
    output_token_details: _Modalities | None = None
    input_tokens_details: _Modalities | None = None
    output_tokens_details: _Modalities | None = None
    seconds: float | None = None

    def tokens(self) -> Quantities:
        """Return the tokens, by their leaves."""
        read = self.input_token_details or self.input_tokens_details or _NONE
        written = self.output_token_details or self.output_tokens_details or _NONE
        cached = _cached(read.cached_tokens_details or _NONE)
        return TokenCounts(
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            cached_input_tokens=max(read.cached_tokens or 0, sum(cached.values())),
            audio_input_tokens=read.audio_tokens or 0,
            image_input_tokens=read.image_tokens or 0,
            reasoning_tokens=written.reasoning_tokens or 0,
            audio_output_tokens=written.audio_tokens or 0,
        ).quantities(cached=cached)

    def transcribed(self) -> Quantities:
        """Return what a transcription used: what was heard in seconds, or tokens."""
        if self.seconds is not None:
            return counted(((_AUDIO_MILLISECOND, milliseconds(self.seconds)),))
        return self.tokens()

    def lasted(self) -> Quantities | None:
        """Return how long a live session has lasted; None if it does not say."""
        if self.seconds is None:
            return None
        return counted(((SESSION_MILLISECOND, milliseconds(self.seconds)),))


def _cached(details: _Modalities) -> dict[int, int]:
    found = {
        INPUT: details.text_tokens or 0,
        AUDIO_INPUT: details.audio_tokens or 0,
        IMAGE_INPUT: details.image_tokens or 0,
    }
    return {unit: count for unit, count in found.items() if count}
