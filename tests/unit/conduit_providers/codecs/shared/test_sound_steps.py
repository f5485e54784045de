"""Samples on their way through FFmpeg."""

import struct

from conduit_providers.codecs.shared.sound_steps import LawReader, SoundSteps

# The loudest values, silence, and a sample of the G.711 tables: mu-law 0x00 is -32124.
MULAW = {0x00: -32124, 0x80: 32124, 0xFF: 0, 0x7F: 0}
ALAW = {0x2A: -32256, 0xAA: 32256, 0xD5: 8, 0x55: -8}


def test_a_law_is_read_by_its_table() -> None:
    """https://www.itu.int/rec/T-REC-G.711, in samples of 16 bits."""
    for law, table in (("pcm_mulaw", MULAW), ("pcm_alaw", ALAW)):
        found = LawReader(law, 8_000).feed(bytes(table))
        assert list(struct.unpack(f"<{len(table)}h", found)) == list(table.values())


def test_two_channels_become_one() -> None:
    """Of the loudness of both."""
    steps = SoundSteps(2, 24_000, 24_000, None)
    found = steps.feed(struct.pack("<4h", 1000, 3000, 1000, 3000)) + steps.close()
    assert struct.unpack("<2h", found) == (2000, 2000)
