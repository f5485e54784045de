"""Ids that sort by time and never repeat."""

import secrets
import time
from collections.abc import Callable

# Crockford's alphabet: no I, L, O, U, so that ids survive being read aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
ID_LENGTH = 26
# The last four digits of the counter.
_LOW_BITS = 20
_MOST_LOW = (1 << _LOW_BITS) - 1


class IdSource:
    """Makes 26-character ids: 10 of milliseconds, then 16 of a counter.

    The counter starts at random in each process, so that ids of one process sort in the order in
    which they were made, and cost no system call. What seldom changes is kept as text.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # Half of the 80 bits' range is left for counting.
        count = secrets.randbits(79)
        self._low = count & _MOST_LOW
        # What stays for a million ids, and what stays for a second, as numbers and as text.
        self._high, self._middle = count >> _LOW_BITS, _text(count >> _LOW_BITS, 12)
        self._second, self._early = -1, ""

    def next(self) -> str:
        """Return a fresh id."""
        low = self._low = self._low + 1
        milliseconds = int(self._clock() * 1000)
        if low > _MOST_LOW:
            low = self._low = 0
            self._high += 1
            self._middle = _text(self._high, 12)
        if milliseconds >> 10 != self._second:
            self._second = milliseconds >> 10
            self._early = _text(self._second, 8)
        pairs = _PAIRS
        late, first, second = pairs[milliseconds & 1023], pairs[low >> 10], pairs[low & 1023]
        return f"{self._early}{late}{self._middle}{first}{second}"


def _text(value: int, length: int) -> str:
    """Write a number in an even count of digits."""
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(5 * length - 10, -1, -10)])
