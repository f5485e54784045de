"""What every answer looks like, whichever provider it is from."""

from typing import Any

import orjson
from tests.integration.matrix.callers import Heard

Json = dict[str, Any]


def assert_shape(heard: Heard, finish: str) -> None:
    """Hold an answer against OpenAI's shape: the same members, of the same types, in order."""
    if heard.completion is not None:
        _assert_completion(heard.completion, finish)
        assert heard.usage
    else:
        _assert_stream(heard, finish)
    for usage in (heard.usage, heard.report_usage):
        if usage is not None:
            _assert_usage(usage)


def _assert_head(answer: Json, name: str) -> None:
    assert isinstance(answer["id"], str)
    assert answer["id"]
    assert answer["object"] == name
    assert isinstance(answer["created"], int)
    assert answer["created"] > 0
    assert isinstance(answer["model"], str)
    assert answer["model"]


def _assert_completion(completion: Json, finish: str) -> None:
    _assert_head(completion, "chat.completion")
    [choice] = completion["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == finish
    message = choice["message"]
    assert message["role"] == "assistant"
    assert "content" in message
    if finish == "tool_calls":
        assert message["content"] is None or isinstance(message["content"], str)
        for call in message["tool_calls"]:
            _assert_call(call)
    else:
        assert isinstance(message["content"], str)
        assert message["content"]
        assert not message.get("tool_calls")


def _assert_call(call: Json) -> None:
    assert isinstance(call["id"], str)
    assert call["id"]
    assert call["type"] == "function"
    assert call["function"]["name"]
    assert isinstance(orjson.loads(call["function"]["arguments"]), dict)


def _assert_usage(usage: Json) -> None:
    counts = [usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    assert all(isinstance(count, int) and count > 0 for count in counts)
    assert counts[0] + counts[1] == counts[2]


def _assert_stream(heard: Heard, finish: str) -> None:
    chunks = heard.chunks
    for chunk in chunks:
        _assert_head(chunk, "chat.completion.chunk")
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    *answering, last = chunks
    if heard.is_usage_asked:
        assert last["choices"] == []
        assert last["usage"]
    else:
        answering = list(chunks)
        assert heard.usage is None
    assert all(len(chunk["choices"]) == 1 for chunk in answering)
    choices = [chunk["choices"][0] for chunk in answering]
    assert all(choice["index"] == 0 for choice in choices)
    assert choices[0]["delta"]["role"] == "assistant"
    # Said again by some; what matters is that nobody else begins to speak.
    assert {choice["delta"].get("role") for choice in choices[1:]} <= {"assistant", None}
    finishes = [choice["finish_reason"] for choice in choices]
    assert finishes == [None] * (len(choices) - 1) + [finish]
    _assert_deltas([choice["delta"] for choice in choices], finish)


def _assert_deltas(deltas: list[Json], finish: str) -> None:
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls") or []]
    assert bool(pieces) is (finish == "tool_calls")
    begun: set[int] = set()
    for piece in pieces:
        if piece["index"] not in begun:
            assert piece["id"]
            assert piece["type"] == "function"
            assert piece["function"]["name"]
            begun.add(piece["index"])
    assert begun == set(range(len(begun)))
    for call in joined(deltas)["tool_calls"]:
        _assert_call(call)
    if finish == "stop":
        assert joined(deltas)["content"]


def joined(deltas: list[Json]) -> Json:
    """Return the message that the pieces of a stream make."""
    calls: dict[int, Json] = {}
    for piece in (p for delta in deltas for p in delta.get("tool_calls") or []):
        new = {"id": "", "type": "", "function": {"name": "", "arguments": ""}}
        call, function = calls.setdefault(piece["index"], new), piece.get("function") or {}
        call["id"] += piece.get("id") or ""
        call["type"] += piece.get("type") or ""
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""
    text = "".join(delta.get("content") or "" for delta in deltas)
    return {"content": text, "tool_calls": [calls[index] for index in sorted(calls)]}


def said(heard: Heard) -> Json:
    """Return what an answer says, whole or streamed: the words, the calls and the reason."""
    if heard.completion is not None:
        [choice] = heard.completion["choices"]
        return told(choice["message"], choice["finish_reason"])
    return said_in(list(heard.chunks))


def said_in(chunks: list[Json]) -> Json:
    """Return what the chunks of a stream say."""
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    finishes = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    return told(joined([choice["delta"] for choice in choices]), finishes[-1])


def told(message: Json, finish: str) -> Json:
    """Return what a message says."""
    return {
        "text": message.get("content") or "",
        "calls": [
            (call["id"], call["function"]["name"], orjson.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls") or []
        ],
        "finish": finish,
    }
