"""Ids that sort by time and never repeat."""

import secrets
import time
from collections.abc import Callable

# Crockford's alphabet: no I, L, O, U, so that ids survive being read aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


class IdSource:
    """Makes 26-character ids: 48 bits of milliseconds, then 80 bits.

    The 80 bits start at random in each process and count up, so that ids of one process sort
    in the order in which they were made, and cost no system call.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # Half the range is left for counting.
        self._count = secrets.randbits(79)

    def next(self) -> str:
        """Return a fresh id."""
        self._count += 1
        value = (int(self._clock() * 1000) << 80) | (self._count & ((1 << 80) - 1))
        pairs = _PAIRS
        return "".join(
            [
                pairs[(value >> shift) & 1023]
                for shift in (120, 110, 100, 90, 80, 70, 60, 50, 40, 30, 20, 10, 0)
            ]
        )
