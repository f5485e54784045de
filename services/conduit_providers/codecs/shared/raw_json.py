"""JSON that is passed on as it came.

A typed reader takes such members whole and looks no closer, so what is in them may still be none.
"""

import msgspec
import orjson


def parsed(raw: bytes) -> object:
    """Return what it says. msgspec.DecodeError if it is none."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error
