"""Ids that sort by time and never repeat."""

import secrets
import time
from collections.abc import Callable

# Crockford's alphabet: no I, L, O, U, so that ids survive being read aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
ID_LENGTH = 26


class IdSource:
    """Makes 26-character ids: 10 of milliseconds, then 16 of a counter.

    The counter starts at random in each process, so that ids of one process sort in the order in
    which they were made, and cost no system call. What seldom changes is kept as text.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # Half of the 80 bits' range is left for counting.
        count = secrets.randbits(79)
        self._high, self._low = _text(count >> 40, 8), count & ((1 << 40) - 1)
        self._count_high = count >> 40
        self._milliseconds = -1
        self._prefix = ""

    def next(self) -> str:
        """Return a fresh id."""
        low = self._low = self._low + 1
        milliseconds = int(self._clock() * 1000)
        if milliseconds != self._milliseconds or low >> 40:
            if low >> 40:
                low = self._low = 0
                self._count_high += 1
                self._high = _text(self._count_high, 8)
            self._milliseconds = milliseconds
            self._prefix = _text(milliseconds, 10) + self._high
        pairs = _PAIRS
        first, second = pairs[low >> 30], pairs[(low >> 20) & 1023]
        return f"{self._prefix}{first}{second}{pairs[(low >> 10) & 1023]}{pairs[low & 1023]}"


def _text(value: int, length: int) -> str:
    """Write a number in an even count of digits."""
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(5 * length - 10, -1, -10)])
