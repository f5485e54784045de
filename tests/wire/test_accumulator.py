"""OpenAI's own accumulator reads every recorded stream, whatever the dialect it came in.

It is what `client.chat.completions.stream` and agents' frameworks stand on, and it raises where a
chunk breaks OpenAI's form: https://github.com/openai/openai-python/blob/main/helpers.md
"""

from collections import defaultdict
from typing import Any

import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from tests.support.replays import CATALOG, Replay, replays

from conduit_providers.codecs.openai.finish import REASONS

Json = dict[str, Any]
STREAMS = [
    each
    for each in replays()
    if each.operation == "chat" and each.asked.request.get("stream") and each.response.status == 200
]


def name_of(replay: Replay) -> str:
    """Return a name for the test report."""
    return replay.name


@pytest.mark.parametrize("replay", STREAMS, ids=name_of)
def test_sdk_puts_every_stream_together(replay: Replay) -> None:
    """Each text is the sum of its pieces, said once; the reason is one that SDKs know."""
    result = replay.result(replay.fresh_call())
    chunks = result.get("events", [])
    state = ChatCompletionStreamState()
    for chunk in chunks:
        read = construct_type(type_=ChatCompletionChunk, value=chunk)
        assert isinstance(read, ChatCompletionChunk)
        state.handle_chunk(read)
    if "error" in result:
        # What came before the failure has been read.
        return
    assert any(chunk["choices"] for chunk in chunks)
    whole = state.current_completion_snapshot.to_dict(mode="json")
    for choice in _objects(whole["choices"]):
        pieces = [each for c in chunks for each in c["choices"] if each["index"] == choice["index"]]
        _check(choice, [piece["delta"] for piece in pieces])


@pytest.mark.parametrize("replay", STREAMS, ids=name_of)
def test_st_form(replay: Replay) -> None:
    """`st-form`: chunks say what they are, all of one answer; who speaks, and why it ends, once."""
    result = replay.result(replay.fresh_call())
    chunks = result.get("events", [])
    if "error" in result:
        return
    # Text Generation Inference says none, which is one for all.
    assert len({chunk["id"] for chunk in chunks}) == 1
    for chunk in chunks:
        assert isinstance(chunk["id"], str)
        assert chunk["object"] == "chat.completion.chunk"
        assert isinstance(chunk["created"], int)
        assert chunk["model"]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert choices[0]["delta"]["role"] == "assistant"
    assert all("finish_reason" in choice for choice in choices)
    ended = [choice["index"] for choice in choices if choice["finish_reason"]]
    assert sorted(ended) == sorted({choice["index"] for choice in choices})


def test_every_dialect_has_a_stream_with_each_thing_that_is_put_together() -> None:
    """Words in all of them; calls and thoughts in those that have them in whole answers, too."""
    codecs = {spec.endpoints["chat"].codec for spec in CATALOG.specs if "chat" in spec.endpoints}
    assert {each.endpoint.codec for each in STREAMS if "error" not in each.expected} == codecs
    for name in ("tool_calls", "reasoning_content", "annotations"):
        whole = {
            each.endpoint.codec
            for each in replays()
            if each.operation == "chat" and name in _members(each.expected.get("answer"), "message")
        }
        streamed = {
            each.endpoint.codec
            for each in STREAMS
            if any(name in _members(event, "delta") for event in each.expected.get("events", ()))
        }
        # Vertex AI's chats are read by Gemini's and Anthropic's decoders.
        assert streamed | {"vertex_chat"} >= whole


def _members(answer: Json | None, where: str) -> set[str]:
    """Return the names of what the choices of an answer say."""
    choices = (answer or {}).get("choices", ())
    return {name for each in choices for name, value in each[where].items() if value}


def _check(choice: Json, deltas: list[Json]) -> None:
    message = choice["message"]
    assert choice["finish_reason"] in REASONS
    assert message["role"] == "assistant"
    for name in ("content", "reasoning_content", "refusal"):
        assert (message.get(name) or "") == "".join(delta.get(name) or "" for delta in deltas)
    assert "reasoning" not in message
    said: dict[int, str] = defaultdict(str)
    for call in (call for delta in deltas for call in delta.get("tool_calls") or ()):
        said[call["index"]] += call.get("function", {}).get("arguments", "")
    calls = message.get("tool_calls") or []
    assert sorted(said) == list(range(len(calls)))
    for number, call in enumerate(calls):
        assert call["function"]["arguments"] == said[number]
        assert call["id"]
        assert call["type"] == "function"


def _objects(value: object) -> list[Json]:
    assert isinstance(value, list)
    return value
