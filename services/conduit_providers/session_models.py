"""Finds the models that a caller's events name beside the session's own.

They are the provider's, by its names: one writes down what the caller says, another does what the
session's model delegates to it.
"""

import json
from collections.abc import Iterator

from conduit.v1.json_limits import TOO_DEEP, is_too_deep
from conduit_kernel.errors import InvalidRequest, MalformedJson

_PLACES = (
    ("session", "audio", "input", "transcription", "model"),
    # Where sessions had it in their beta.
    ("session", "input_audio_transcription", "model"),
    ("session", "delegation", "model"),
)
# Sound, as which most events come, has neither.
_HINTS = (b'"model"', b"\\")


class _Members(tuple[tuple[str, object], ...]):
    """The members of an object, each of those of one name: servers differ in which one holds."""

    __slots__ = ()


def models_in(text: bytes) -> set[str]:
    """Return the models that an event names. InvalidRequest or MalformedJson if it is no JSON."""
    if not any(hint in text for hint in _HINTS):
        return set()
    if is_too_deep(text):
        raise InvalidRequest(f"An event {TOO_DEEP}", field="json")
    try:
        event: object = json.loads(text.decode(), object_pairs_hook=_Members)
    except ValueError as error:
        raise MalformedJson(f"An event is not JSON: {error}") from error
    named = (model for place in _PLACES for model in _values(event, place))
    return {model for model in named if isinstance(model, str)}


def _values(value: object, place: tuple[str, ...]) -> Iterator[object]:
    """Yield what stands at a place, once for each object that has a name twice on the way."""
    if not place:
        yield value
    elif isinstance(value, _Members):
        for name, inner in value:
            if name == place[0]:
                yield from _values(inner, place[1:])
