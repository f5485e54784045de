"""Members of Anthropic's answers that OpenAI's form has no word for; they stand beside it.

`types.beta` of anthropic-sdk-python says what each of them is.
"""

import orjson

from conduit.v1.chat_pb2 import ChatUsage
from conduit_providers.codecs.anthropic.answer import Counts, Delta, Event, Message
from conduit_providers.json_reading import known

# Of an answer: where code was run, what was left out of the conversation, why it was not cached.
_OF_ANSWER = ("container", "context_management", "diagnostics", "input_transformations")
# Of its end.
_OF_CHOICE = ("stop_sequence", "stop_details")
# Of its price, beside what it is made of.
_OF_USAGE = ("iterations", "inference_geo", "fallback_credit")


def answer_json(*found: Message | Event | Delta | None) -> bytes:
    """Return the members of an answer, those of a stream's later events first; or nothing."""
    members = {name: value for each in reversed(found) for name, value in _told(each, _OF_ANSWER)}
    return orjson.dumps(members) if members else b""


def choice_json(found: Message | Delta) -> bytes:
    """Return the members of the end of an answer; empty if there are none."""
    members = dict(_told(found, _OF_CHOICE))
    return orjson.dumps(members) if members else b""


def with_details(usage: ChatUsage, counts: Counts | None) -> ChatUsage:
    """Add how often the provider's own tools were used, and the other members of the counts."""
    if counts is None:
        return usage
    used = known(bytes(counts.server_tool_use) or b"null")
    members = dict(_told(counts, _OF_USAGE))
    if isinstance(used, dict) and any(used.values()):
        members["server_tool_use"] = used
    if members:
        usage.unknown_json = orjson.dumps(members)
    return usage


def _told(found: object, names: tuple[str, ...]) -> list[tuple[str, object]]:
    values = ((name, getattr(found, name, None)) for name in names)
    read = (
        (name, value if isinstance(value, str) else known(bytes(value)))
        for name, value in values
        if value
    )
    return [(name, value) for name, value in read if value is not None]
