"""Speech that is a tone: of a pitch of the text's own, and as long as the text takes to say."""

import math
from array import array
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from sys import byteorder

import orjson

from conduit_kernel.http import Field
from conduit_simulator.errors import bad_request
from conduit_simulator.requests import SpeechRequest
from conduit_simulator.text import tokens_of

# As OpenAI documents its `pcm`: 24 kHz, 16 bits, one channel.
RATE = 24_000
_BYTES_PER_SAMPLE = 2
# A tenth of a second.
PIECE_BYTES = RATE * _BYTES_PER_SAMPLE // 10
CHARACTERS_PER_SECOND = 15
TOKENS_PER_SECOND = 20
_VOLUME = 8000
# Of the tone's periods: from 480 Hz down to 120 Hz.
_PERIODS = range(50, 200)
_MEDIA_TYPES = {"wav": b"audio/wav", "pcm": b"audio/pcm"}


def media_type_of(request: SpeechRequest) -> tuple[Field, ...]:
    """Return the header of an answer of bytes."""
    return ((b"content-type", _MEDIA_TYPES[request.response_format]),)


def speech(request: SpeechRequest) -> Iterator[bytes]:
    """Return the pieces of the sound. ApiError 400 if its format is none that is made here."""
    if request.response_format not in _MEDIA_TYPES:
        message = f"response_format must be one of [{', '.join(_MEDIA_TYPES)}]"
        raise bad_request(message, "response_format")
    return _pieces(request)


def speech_events(request: SpeechRequest, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield OpenAI's events: the pieces of the sound, and what they used."""
    for piece in pieces:
        yield _event({"type": "speech.audio.delta", "audio": b64encode(piece).decode()})
    read = len(tokens_of(request.input))
    written = math.ceil(_samples(request) / RATE * TOKENS_PER_SECOND)
    counts = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    yield _event({"type": "speech.audio.done", "usage": counts})


def _event(members: dict[str, object]) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(members)


def _pieces(request: SpeechRequest) -> Iterator[bytes]:
    left = _samples(request) * _BYTES_PER_SAMPLE
    if request.response_format == "wav":
        yield _head(left)
    period = _period(request.input)
    while left:
        # Each begins where a period does, so that the tone goes on without a click.
        size = min(left, PIECE_BYTES - PIECE_BYTES % len(period))
        yield (period * (size // len(period) + 1))[:size]
        left -= size


def _samples(request: SpeechRequest) -> int:
    return math.ceil(len(request.input) / CHARACTERS_PER_SECOND / request.speed * RATE)


def _period(text: str) -> bytes:
    """Return a period of the text's own tone."""
    length = _PERIODS[sha256(text.encode()).digest()[0] % len(_PERIODS)]
    wave = (round(_VOLUME * math.sin(2 * math.pi * at / length)) for at in range(length))
    samples = array("h", wave)
    if byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _head(size: int) -> bytes:
    """Return what stands before so many bytes: http://soundfile.sapp.org/doc/WaveFormat/."""
    numbers = (
        (16, 4),
        # PCM, of one channel.
        (1, 2),
        (1, 2),
        (RATE, 4),
        (RATE * _BYTES_PER_SAMPLE, 4),
        (_BYTES_PER_SAMPLE, 2),
        (8 * _BYTES_PER_SAMPLE, 2),
    )
    form = b"".join(number.to_bytes(length, "little") for number, length in numbers)
    whole = (36 + size).to_bytes(4, "little")
    return b"RIFF" + whole + b"WAVEfmt " + form + b"data" + size.to_bytes(4, "little")
