"""A reply as the bytes that go out: one JSON object, or server-sent events."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from conduit_simulator.replies import Call, Reply

DONE = b"data: [DONE]\n\n"
_FINGERPRINT = "fp_simulator"
# What faults send in place of an answer.
GARBAGE = b'{"id": "chatcmpl-\xff\x00<html>'
GARBAGE_EVENT = b"data: " + GARBAGE + b"\n\n"
WRONG_TYPE = b'{"id": 7, "choices": "none", "usage": [1, 2]}'
WRONG_TYPE_EVENT = b"data: " + WRONG_TYPE + b"\n\n"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The members that every object of an answer has."""

    id: str
    model: str
    created: int

    def around(self, kind: str, **members: object) -> bytes:
        """Return the JSON of an object of this answer."""
        return orjson.dumps(
            {
                "id": self.id,
                "object": kind,
                "created": self.created,
                "model": self.model,
                **members,
                "service_tier": "default",
                "system_fingerprint": _FINGERPRINT,
            }
        )


def completion(envelope: Envelope, reply: Reply) -> bytes:
    """Return a whole answer."""
    message: dict[str, object] = {
        "role": "assistant",
        "content": None if reply.calls else "".join(reply.tokens),
        "refusal": None,
        "annotations": [],
    }
    if reply.reasoning:
        message["reasoning_content"] = "".join(reply.reasoning)
    if reply.calls:
        message["tool_calls"] = [_call(call, "".join(call.arguments)) for call in reply.calls]
    choice = {"message": message, "logprobs": None, "finish_reason": reply.finish_reason}
    return envelope.around(
        "chat.completion",
        choices=[{"index": index, **choice} for index in range(reply.choices)],
        usage=reply.usage.as_json(),
    )


def events(envelope: Envelope, reply: Reply, *, include_usage: bool) -> Iterator[bytes]:
    """Yield the events of a stream, `[DONE]` last; one token in each."""
    # With usage asked for, every chunk has the member.
    usage: dict[str, object] = {"usage": None} if include_usage else {}
    for index in range(reply.choices):
        for delta, finish_reason in _deltas(reply):
            yield _event(
                envelope,
                choices=[
                    {
                        "index": index,
                        "delta": delta,
                        "logprobs": None,
                        "finish_reason": finish_reason,
                    }
                ],
                **usage,
            )
    if include_usage:
        yield _event(envelope, choices=[], usage=reply.usage.as_json())
    yield DONE


def _event(envelope: Envelope, **members: object) -> bytes:
    return b"data: " + envelope.around("chat.completion.chunk", **members) + b"\n\n"


def _deltas(reply: Reply) -> Iterator[tuple[dict[str, object], str | None]]:
    first = None if reply.calls else ""
    yield {"role": "assistant", "content": first, "refusal": None}, None
    for token in reply.reasoning:
        yield {"reasoning_content": token}, None
    for token in reply.tokens:
        yield {"content": token}, None
    for index, call in enumerate(reply.calls):
        yield {"tool_calls": [{"index": index, **_call(call, "")}]}, None
        for token in call.arguments:
            yield {"tool_calls": [{"index": index, "function": {"arguments": token}}]}, None
    yield {}, reply.finish_reason


def _call(call: Call, arguments: str) -> dict[str, object]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }
