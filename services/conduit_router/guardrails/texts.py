"""The texts in a request or an answer, whatever its dialect: all strings of its JSON.

No table of members says where texts stand, which a new member of a dialect would not be in.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

# Members that say how something is to be read, and which have values from a list or made by
# machines. In requests they are looked at like all others, and are never changed.
STRUCTURE = frozenset(
    {
        *("id", "object", "type", "role", "model", "index", "status", "event_id", "modelVersion"),
        *("item_id", "response_id", "responseId", "call_id", "tool_call_id", "tool_use_id"),
        *(
            "previous_response_id",
            "finish_reason",
            "finishReason",
            "stop_reason",
            "native_finish_reason",
        ),
        *("system_fingerprint", "service_tier", "obfuscation", "created_at", "phase", "logprobs"),
        *("media_type", "mime_type", "mimeType", "format", "encoding_format", "detail", "language"),
    }
)
# Members that only machines read: sealed thoughts, and pictures and sound in base64.
_OPAQUE = frozenset(
    {"encrypted_content", "signature", "thoughtSignature", "thought_signature", "b64_json"}
)
# Numbers with as many digits may be somebody's; those of times and counts have fewer.
_LONG = 10**11
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
_TYPES = ("media_type", "mime_type", "mimeType")
_TEXT_TYPES = ("text/", "application/json", "application/xml")


class Text(NamedTuple):
    """A text, and where it stands."""

    holder: Any
    place: str | int
    value: str
    # Whether nothing of it can be replaced.
    is_fixed: bool
    # Tells it from the other texts of its document: names and numbers on the way to it.
    path: tuple[object, ...] = ()


def texts_in(document: Any) -> list[Text]:  # noqa: ANN401 # any JSON
    """Return all texts of a document, also the names of members; media are left out."""
    return [*_walk(document, ())]


def words_in(document: Any) -> list[Text]:  # noqa: ANN401 # as above
    """Return the texts of a document that a provider made: neither names nor structure."""
    return [t for t in _walk(document, ()) if t.place not in STRUCTURE and t.value != t.place]


def _walk(document: Any, path: tuple[object, ...]) -> Iterator[Text]:  # noqa: ANN401 # as above
    waiting: list[tuple[Any, tuple[object, ...]]] = [(document, path)]
    while waiting:
        found, path = waiting.pop()
        if isinstance(found, dict):
            path = _told_apart(found, path)
            for name, value in found.items():
                yield from _at(found, name, value, path)
                if isinstance(value, dict | list):
                    waiting.append((value, (*path, name)))
        elif isinstance(found, list):
            for place, value in enumerate(found):
                yield from _at(found, place, value, path)
                if isinstance(value, dict | list):
                    waiting.append((value, (*path, place)))


def _told_apart(found: dict[str, Any], path: tuple[object, ...]) -> tuple[object, ...]:
    """Return a path with what tells one object of a stream from another at the same place."""
    own = tuple(
        (name, value)
        for name in ("type", "index", "output_index", "content_index", "item_id", "summary_index")
        if isinstance(value := found.get(name), str | int)
    )
    return (*path, *own) if own else path


def _at(
    holder: Any,  # noqa: ANN401 # as above
    place: str | int,
    value: Any,  # noqa: ANN401 # as above
    path: tuple[object, ...],
) -> Iterator[Text]:
    if isinstance(place, str) and place not in STRUCTURE:
        # A name that somebody chose, such as one of an argument.
        yield Text(holder, place, place, is_fixed=True, path=path)
    if isinstance(value, int) and abs(value) >= _LONG:
        # Such as of a card, in arguments of a call.
        yield Text(holder, place, str(value), is_fixed=True, path=(*path, place))
    if not isinstance(value, str) or not value:
        return
    if isinstance(place, str) and place in _OPAQUE and _BASE64.fullmatch(value):
        return
    media = _media_type(holder, value)
    if media is None:
        is_fixed = place in STRUCTURE
        yield Text(holder, place, value, is_fixed=is_fixed, path=(*path, place))
    elif media.startswith(_TEXT_TYPES):
        text = _decoded(value)
        yield Text(holder, place, text, is_fixed=True, path=(*path, place))


def _media_type(holder: Any, value: str) -> str | None:  # noqa: ANN401 # as above
    """Return the media type of a text that is media in base64; None of one that is no such."""
    if (found := _DATA_URL.match(value)) is not None:
        is_coded = "base64" in found[2].lower()
        rest = value[found.end() :]
        return found[1].lower() if is_coded and _BASE64.fullmatch(rest) else "text/plain"
    if not isinstance(holder, dict) or not _BASE64.fullmatch(value):
        return None
    if holder.get("data") is not value:
        return None
    named = next((holder[name] for name in _TYPES if isinstance(holder.get(name), str)), None)
    return None if named is None else str(named).lower()


def is_base64(value: str) -> bool:
    """Return whether a text is nothing but base64."""
    return _BASE64.fullmatch(value) is not None


def _decoded(value: str) -> str:
    """Return the text of a document in base64, or the text itself where it is not."""
    found = _DATA_URL.match(value)
    coded = value[found.end() :] if found is not None else value
    if (found is not None and "base64" not in found[2].lower()) or not _BASE64.fullmatch(coded):
        return unquote(value)
    try:
        raw = base64.b64decode(coded.replace("-", "+").replace("_", "/") + "==")
    except (binascii.Error, ValueError):
        return value
    return raw.decode("utf-8", "replace")
