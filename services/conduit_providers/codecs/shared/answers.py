"""What the answers of all dialects have in common: JSON of some type, or the provider failed."""

from typing import TypeVar

import msgspec

from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader

AnswerT = TypeVar("AnswerT")


def read_answer(reader: JsonReader[AnswerT], body: bytes, provider: str, why: str) -> AnswerT:
    """Read an answer. UpstreamError, which says why, if it is none."""
    try:
        return reader.decode(body)
    except msgspec.DecodeError as error:
        raise malformed(provider, why) from error
