"""Where a request stands in the list of all: newest first when sorted as text."""

# Nanoseconds from 1970 that no clock reaches: what is newer has the lesser place.
_END_OF_TIME = 10**19
_DIGITS = 20
# Behind all ids of the same moment.
_LAST_ID = "\U0010ffff"


def place_of(ended_at: float, request_id: str) -> str:
    """Return the place of a request that ended at a time, in seconds since 1970."""
    return place_at(int(ended_at * 1e9), request_id)


def place_at(ended_at: int, request_id: str) -> str:
    """Return the place of a request that ended at a time, in nanoseconds since 1970."""
    return f"{_END_OF_TIME - ended_at:020d}{request_id}"


def place_behind(ended_at: int) -> str:
    """Return the place behind all requests that ended at a time."""
    return place_at(ended_at, _LAST_ID)


def parts_of(place: str) -> tuple[int, str] | None:
    """Return when the request at a place ended, and its id; None if it is no place."""
    digits = place[:_DIGITS]
    if len(digits) < _DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    return _END_OF_TIME - int(digits), place[_DIGITS:]
