"""Answers that say of themselves that they are none."""

from collections.abc import Sequence

import msgspec

_ENDED = frozenset({"completed", "incomplete"})
# The name of the event that ends a stream of OpenAI's Responses which came to nothing.
_FAILED = b'"response.failed"'


class _Response(msgspec.Struct):
    status: object = None


def is_failure(served_as: str, texts: Sequence[bytes]) -> bool:
    """Return whether an answer's texts, whole or its pieces, tell of a failure or of no end.

    Those of other dialects have statuses of their own, or end in an error.
    """
    if served_as != "response" or not texts:
        return False
    if texts[0].startswith((b"event:", b"data:")):
        return any(_FAILED in text for text in texts)
    try:
        status = msgspec.json.decode(texts[0], type=_Response).status
    except msgspec.MsgspecError:
        return True
    return status not in _ENDED
