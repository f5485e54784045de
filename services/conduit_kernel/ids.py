"""Ids that sort by time and never repeat."""

import hashlib
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
        # All but the last two digits, and the millisecond that they are of.
        self._millisecond, self._beginning = -1, ""

    def next(self) -> str:
        """Return a fresh id."""
        low = self._low = self._low + 1
        milliseconds = int(self._clock() * 1000)
        if milliseconds != self._millisecond or not low & 1023:
            low = self._begin(milliseconds, low)
        return self._beginning + _PAIRS[low & 1023]

    def _begin(self, milliseconds: int, low: int) -> int:
        """Write the beginning of the ids that follow; return the counter."""
        if low > _MOST_LOW:
            low = self._low = 0
            self._high += 1
            self._middle = _text(self._high, 12)
        if milliseconds >> 10 != self._second:
            self._second = milliseconds >> 10
            self._early = _text(self._second, 8)
        self._millisecond, late = milliseconds, _PAIRS[milliseconds & 1023]
        self._beginning = f"{self._early}{late}{self._middle}{_PAIRS[low >> 10]}"
        return low


def derived_id(made: str, name: str) -> str:
    """Return an id that is always the same for an id made here and a name, and for no others."""
    digest = hashlib.blake2b(f"{made}\0{name}".encode(), digest_size=10).digest()
    return made[:10] + _text(int.from_bytes(digest), ID_LENGTH - 10)


def first_id_of(milliseconds: int) -> str:
    """Return the least id that may be made in a millisecond since 1970, or after it."""
    return _text(max(0, milliseconds), 10) + _ALPHABET[0] * (ID_LENGTH - 10)


def milliseconds_of(made: str) -> int | None:
    """Return when an id was made, since 1970; None if it is none of these."""
    if len(made) != ID_LENGTH or not all(digit in _ALPHABET for digit in made):
        return None
    value = 0
    for digit in made[:10]:
        value = value * len(_ALPHABET) + _ALPHABET.index(digit)
    return value


def _text(value: int, length: int) -> str:
    """Write a number in an even count of digits."""
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(5 * length - 10, -1, -10)])


# What each digit is to `int` in base 32; what is no digit there is none here.
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_AS_DIGITS = bytes(
    ord(_DIGITS[_ALPHABET.index(chr(byte))]) if chr(byte) in _ALPHABET else ord("!")
    for byte in range(256)
)
_PACKED_LENGTH, _TIME_LENGTH = 16, 6
# Begins what is kept as text; ids made here begin with it in the year 10889.
_AS_TEXT = b"\xff"
# Begins an id made here that has the usual beginning of a request's id before it.
_AS_REQUEST, _REQUEST = b"\xfe", b"req_"
_REQUEST_LENGTH = len(_REQUEST) + ID_LENGTH


def pack_id(name: str) -> bytes:
    """Return a text in as few bytes as it can be told from all others by.

    An id made here takes 16, one with a suffix as many more as that has, and one behind `req_`
    takes 17; anything else takes one more than its own. Packed ids sort as the ids do.
    """
    raw = name.encode()
    length = len(raw)
    try:
        if length == ID_LENGTH:
            packed = int(raw.translate(_AS_DIGITS), 32).to_bytes(_PACKED_LENGTH)
        elif length == _REQUEST_LENGTH and raw.startswith(_REQUEST):
            made = raw[len(_REQUEST) :]
            return _AS_REQUEST + int(made.translate(_AS_DIGITS), 32).to_bytes(_PACKED_LENGTH)
        elif length > ID_LENGTH:
            made = raw[:ID_LENGTH]
            packed = int(made.translate(_AS_DIGITS), 32).to_bytes(_PACKED_LENGTH)
        else:
            return _AS_TEXT + raw
    except (ValueError, OverflowError):
        return _AS_TEXT + raw
    if packed[0] >= _AS_REQUEST[0]:
        return _AS_TEXT + raw
    return packed + raw[ID_LENGTH:]


def unpack_id(packed: bytes) -> str:
    """Return the text that was packed."""
    if packed[:1] == _AS_TEXT:
        return packed[1:].decode()
    if packed[:1] == _AS_REQUEST:
        return f"{_REQUEST.decode()}{_text(int.from_bytes(packed[1:]), ID_LENGTH)}"
    number = int.from_bytes(packed[:_PACKED_LENGTH])
    return _text(number, ID_LENGTH) + packed[_PACKED_LENGTH:].decode()


def made_at(packed: bytes) -> int | None:
    """Return when a packed id was made, in milliseconds since 1970; None of what is no id."""
    return None if packed[:1] >= _AS_REQUEST else int.from_bytes(packed[:_TIME_LENGTH])
