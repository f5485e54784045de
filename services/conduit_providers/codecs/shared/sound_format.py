"""The formats of sound that goes on while it is made, as OpenAI's sessions name them.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from conduit.v1.audio_format_pb2 import AudioFormat
from conduit_kernel.errors import InvalidRequest
from conduit_providers.speech import PCM_RATE, PHONE_RATE

PCM = "audio/pcm"
# Those of telephones, by FFmpeg's names.
LAWS: Mapping[str, str] = MappingProxyType({"audio/pcmu": "pcm_mulaw", "audio/pcma": "pcm_alaw"})
# Those that providers have, of which OpenAI has the fourth alone.
_PCM_RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
_RATES: Mapping[str, Sequence[int]] = MappingProxyType(
    {PCM: _PCM_RATES, **dict.fromkeys(LAWS, (PHONE_RATE,))}
)


class SoundFormat(msgspec.Struct, frozen=True):
    """A way of writing sound: 16 bits, little-endian, one channel, unless it is of telephones."""

    type: str = PCM
    rate: int = PCM_RATE

    @property
    def bytes_per_second(self) -> int:
        """Return how many bytes a second of sound has."""
        return self.rate * (2 if self.type == PCM else 1)

    def as_json(self) -> dict[str, Any]:
        """Return the `format` of a session."""
        return {"type": self.type, "rate": self.rate}


def format_of(asked: AudioFormat, place: str) -> SoundFormat:
    """Return the format that a caller asks for. InvalidRequest if it is none."""
    rates = _RATES.get(asked.type)
    if rates is None:
        said = f"A format is one of {', '.join(_RATES)}"
        raise InvalidRequest(said, field=f"{place}.type")
    usual = PCM_RATE if asked.type == PCM else PHONE_RATE
    rate = asked.rate if asked.HasField("rate") else usual
    if rate not in rates:
        said = f"{asked.type} has {', '.join(map(str, rates))} Hz"
        raise InvalidRequest(said, field=f"{place}.rate")
    return SoundFormat(asked.type, rate)
