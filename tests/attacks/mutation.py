"""Bytes that are made worse, and cut anywhere: what readers of bytes are tried with."""

import random
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def corpus_of(name: str) -> list[bytes]:
    """Return what is kept for a reader, in a stated order."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def mutated(body: bytes, pieces: tuple[bytes, ...], chance: random.Random) -> bytes:
    """Return bytes with one to four things wrong: lost, doubled, of chance, or out of place."""
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(changed) + 1)
        size = chance.choice((1, 2, 5, 30))
        match chance.randrange(5):
            case 0:
                del changed[at : at + size]
            case 1:
                changed[at:at] = changed[at : at + size]
            case 2:
                changed[at : at + size] = chance.randbytes(size)
            case 3:
                changed[at:at] = chance.choice(pieces) * chance.choice((1, 1, 2, 300))
            case _:
                changed[at : at + 1] = bytes([chance.choice(b'\r\n\0\t "\\;:=-\xff')])
    return bytes(changed)


def cuts(size: int, chance: random.Random) -> Iterator[slice]:
    """Yield pieces of any sizes, empty ones left out."""
    at = 0
    while at < size:
        step = chance.choice((1, 1, 2, 3, 17, 400))
        yield slice(at, at + step)
        at += step


def parts_of(body: bytes, chance: random.Random) -> tuple[bytes, ...]:
    """Return a body in such pieces."""
    return tuple(body[each] for each in cuts(len(body), chance))
