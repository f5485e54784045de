"""The few events of OpenAI's dialect that are not passed on as they are, and what they become.

The members that stay keep their bytes.
"""

from collections.abc import Mapping

import msgspec

from conduit_providers.codecs.openai.tool_calls import NULL
from conduit_providers.codecs.openai.usage import tier_at
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.quantities import CACHE_READS, REASONING, Quantities

Members = dict[str, msgspec.Raw]

_read = JsonReader(Members).decode
# What an item holds is passed on as it came, and need not be readable.
_read_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_write = msgspec.json.encode
_NO_CHOICES = msgspec.Raw(b"[]")
# What all chunks of an answer have in common.
_HEAD = ("id", "object", "created", "model", "service_tier", "system_fingerprint")
_EMPTY_HEAD: Members = {
    "id": msgspec.Raw(b'""'),
    "object": msgspec.Raw(b'"chat.completion.chunk"'),
    "created": msgspec.Raw(b"0"),
    "model": msgspec.Raw(b'""'),
}
# The two spacings of JSON's writers.
_OBJECT, _SPACED_OBJECT = b'"object":"chat.completion.chunk"', b'"object": "chat.completion.chunk"'
# What a choice may repeat without saying anything new.
_REPEATED = {"index", "delta", "finish_reason", "native_finish_reason", "stop_reason"}


def members_of(event: bytes) -> Members:
    """Return the members of an event, each as it is written."""
    return _read(event)


def written(members: Mapping[str, object]) -> bytes:
    """Return an event with these members."""
    return _write(members)


def merged(event: bytes, early: Members) -> bytes:
    """Return an event with what was held back before it; its own members win."""
    members = _read(event)
    return _write(members | {name: early[name] for name in early if name not in members})


def lacking_in(event: bytes) -> Members:
    """Return what a chunk lacks of its head; nothing where it says that it is one, as most do.

    OpenAI's SDK passes over whatever does not.
    """
    if event.find(_OBJECT) >= 0 or event.find(_SPACED_OBJECT) >= 0:
        return {}
    return _EMPTY_HEAD | {name: each for name, each in _read(event).items() if name in _HEAD}


def with_head(event: bytes, head: Members) -> bytes:
    """Return a chunk that says that it is one."""
    return _write(head | _read(event) | {"object": _EMPTY_HEAD["object"]})


def without_usage(event: bytes) -> bytes:
    """Return an event that does not tell the counts."""
    members = _read(event)
    del members["usage"]
    return _write(members)


def without_choices(event: bytes) -> bytes:
    """Return an event that is about no choice."""
    return _write(_read(event) | {"choices": _NO_CHOICES})


def is_empty_delta(event: bytes) -> bool:
    """Return whether an event's choices have no content, only who speaks and why that ended."""
    try:
        choices = parsed(event)["choices"]
    except msgspec.DecodeError:
        # What cannot be read is passed on as it came.
        return False
    for choice in choices:
        delta = choice.get("delta")
        reported = [value for name, value in choice.items() if name not in _REPEATED]
        if isinstance(delta, dict):
            reported += [value for name, value in delta.items() if name != "role"]
        if any(reported):
            return False
    return True


def usage_chunk(event: bytes, usage: Quantities, reported: object) -> bytes:
    """Return the chunk that OpenAI ends a stream with when asked for the usage.

    `event` is the one with the counts, or any other of the answer; `reported` is their form in it.
    https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
    """
    members = _read(event) if event else {}
    if reported is not None and _is_about_none(members):
        return event
    head = {name: members[name] for name in _HEAD if name in members}
    return _write({**_EMPTY_HEAD, **head, "choices": [], "usage": _counts(usage, reported)})


def _is_about_none(members: Members) -> bool:
    choices = members.get("choices")
    return choices is not None and choices != NULL and _read_items(choices) == []


def _counts(usage: Quantities, reported: object) -> dict[str, object]:
    """Return the counts as they were reported, and those that OpenAI always reports."""
    made: dict[str, object] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if cached := usage.count(*CACHE_READS):
        made["prompt_tokens_details"] = {"cached_tokens": cached}
    if reasoning := usage.count(REASONING):
        made["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    said = reported if isinstance(reported, dict) else {}
    return made | {name: value for name, value in said.items() if value is not None}


def tier_in(event: bytes, path: str) -> object:
    """Return the service tier that an event names, at OpenAI's place or at another path.

    None if it names none.
    """
    if path:
        return tier_at(event, path)
    raw = _read(event).get("service_tier") if b'"service_tier"' in event else None
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except msgspec.DecodeError:
        # A number that nobody holds, which is passed on as it came.
        return None


def found_at(data: bytes, path: str) -> object:
    """Return what an event has at a path of members; None if it has nothing there."""
    try:
        found: object = parsed(data)
    except msgspec.DecodeError:
        return None
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
