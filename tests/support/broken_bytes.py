"""What networks and faulty servers make of a stream's bytes."""

import random
from collections.abc import Callable, Iterable

from conduit_kernel.errors import UpstreamError


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


def check_garbled(
    decoded: Callable[[list[bytes]], bytes],
    bodies: Iterable[bytes],
    seed: int,
    reasons: frozenset[str],
) -> None:
    """Check that streams with broken bytes say something or raise UpstreamError, of these reasons.

    `decoded` returns what a stream in pieces says.
    """
    chance = random.Random(seed)  # noqa: S311 # no secret
    for body in bodies:
        try:
            assert decoded(in_pieces(garbled(body, chance), chance))
        except UpstreamError as error:
            assert error.reason in reasons  # noqa: PT017 # either outcome is right
