"""WAV: PCM with a head that says its rate.

http://soundfile.sapp.org/doc/WaveFormat/ describes the head.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

# Of how much follows, where that is not known yet.
_UNKNOWN_SIZE = 0xFFFFFFFF
_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM = 1
_FORM_BYTES = 16
_SAMPLE_BYTES = 2
# "RIFF", a size, "WAVE"; each chunk has its name and its size.
_RIFF_BYTES = 12
_CHUNK_HEAD = struct.Struct("<4sI")
# Of a form: its kind, channels, rate, bytes in a second and in a sample of all channels, bits.
_FORM = struct.Struct("<HHIIHH")
_EXTENSIBLE = 0xFFFE


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


class Samples(NamedTuple):
    """A file's PCM: where it is, and what it is."""

    channels: int
    rate: int
    bits: int
    begins_at: int
    # In bytes; None where only the file's end will tell.
    size: int | None


def samples_in(head: bytes) -> Samples | None:
    """Find the samples of a file by its first bytes; None if it is no WAV file with PCM."""
    form = b""
    for name, at, size in _chunks(head):
        if name == b"data":
            return _samples(form, at, size)
        if name == b"fmt ":
            form = head[at : at + size]
    return None


def data_in(file: bytes) -> bytes | None:
    """Return the samples of a file, of whatever kind; None if it is no WAV file."""
    found = (file[at : at + size] for name, at, size in _chunks(file) if name == b"data")
    return next(found, None)


def _chunks(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, the place and the size of each chunk; nothing if it is no WAV file."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return
    at = _RIFF_BYTES
    while len(name_and_size := head[at : at + _CHUNK_HEAD.size]) == _CHUNK_HEAD.size:
        name, size = _CHUNK_HEAD.unpack(name_and_size)
        at += _CHUNK_HEAD.size
        yield name, at, size
        # Chunks begin at even places.
        at += size + size % 2


def _samples(form: bytes, begins_at: int, size: int) -> Samples | None:
    if len(form) < _FORM.size:
        return None
    kind, channels, rate, _, _, bits = _FORM.unpack_from(form)
    if kind == _EXTENSIBLE:
        # The kind is at the beginning of a longer name.
        kind = int.from_bytes(form[24:26], "little")
    if kind != _PCM:
        return None
    is_known = size not in {0, _UNKNOWN_SIZE}
    return Samples(channels, rate, bits, begins_at, size if is_known else None)
