"""What networks and faulty servers make of a stream's bytes."""

import random


def in_pieces(body: bytes, chance: random.Random) -> list[bytes]:
    """Cut bytes at random."""
    cuts = sorted(chance.randrange(len(body) + 1) for _ in range(chance.randrange(1, 12)))
    return [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def garbled(body: bytes, chance: random.Random) -> bytes:
    """Replace a few bytes at random by more, fewer or other ones."""
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(changed))
        changed[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
    return bytes(changed)
