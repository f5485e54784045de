"""The head of a streamed chat: who is going to speak, before anything is said.

Many providers send it before they know whether they can answer.
"""

from io import BytesIO

import msgspec

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk

# What a delta has that says nothing.
_SPEAKER = "role"


class _Choice(msgspec.Struct):
    delta: dict[str, object] | None = None
    finish_reason: object = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None


_decode = msgspec.json.Decoder(_Chunk).decode


def says_nothing(chunk: ChatCompletionChunk) -> bool:
    """Return whether a chunk has neither a word nor a reason to stop."""
    return not any(
        choice.finish_reason
        or any(_is_said(field.name, value) for field, value in choice.delta.ListFields())
        for choice in chunk.choices
    )


def are_silent(events: bytes) -> bool:
    """Return the same of server-sent events; those that are none of a chat say something."""
    try:
        # Not further than to the first word: a whole answer may have come at once.
        return not any(
            choice.finish_reason or any(_is_said(*each) for each in (choice.delta or {}).items())
            for line in BytesIO(events)
            if line.startswith(b"data:")
            for choice in _decode(line[5:]).choices or ()
        )
    except msgspec.DecodeError:
        return False


def _is_said(name: str, value: object) -> bool:
    return name != _SPEAKER and bool(value)
