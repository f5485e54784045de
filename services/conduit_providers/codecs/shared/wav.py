"""WAV: PCM with a head that says its rate.

http://soundfile.sapp.org/doc/WaveFormat/ describes the head.
"""

import struct

# Of how much follows, where that is not known yet.
_UNKNOWN_SIZE = 0xFFFFFFFF
_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM = 1
_FORM_BYTES = 16
_SAMPLE_BYTES = 2


def wav_head(rate: int) -> bytes:
    """Return the head of a sound of one channel, in 16 bits, whose length is not known yet."""
    return _HEAD.pack(
        b"RIFF",
        _UNKNOWN_SIZE,
        b"WAVE",
        b"fmt ",
        _FORM_BYTES,
        _PCM,
        1,
        rate,
        rate * _SAMPLE_BYTES,
        _SAMPLE_BYTES,
        8 * _SAMPLE_BYTES,
        b"data",
        _UNKNOWN_SIZE,
    )
