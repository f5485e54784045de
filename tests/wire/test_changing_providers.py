"""A conversation that changes its provider at each turn, in each dialect of callers.

Ten turns with calls, results and pictures, each answered as another provider was recorded to: what
was said by anybody reaches all who are asked later.
"""

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import orjson
import pytest
from tests.support.message_replays import answered_chats, message_call
from tests.support.replays import Replay
from tests.support.response_replays import response_call

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.message_dialect import message_codec
from conduit_providers.inbound.response_dialect import response_codec
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
PNG = b"\x89PNG\r\n\x1a\n"
# One dialect each, but for those that speak OpenAI's with habits of their own.
PROVIDERS = (
    *("Anthropic", "Gemini", "OpenAI", "Bedrock", "Cohere"),
    *("Mistral", "VertexAI", "Ollama", "Groq", "DeepSeek"),
)
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}}


@cache
def recorded() -> dict[str, Replay]:
    """Return an answer with calls of each provider."""
    return {each.name: each for each in answered_chats()}


def picture(turn: int) -> str:
    """Return the bytes of a turn's picture, in base64."""
    return b64encode(PNG + b"picture of turn %d" % turn).decode()


class Conversation(ABC):
    """A conversation in one dialect of callers."""

    def __init__(self) -> None:
        self.turns: list[Json] = []

    @abstractmethod
    def ask(self, text: str, image: str) -> None:
        """Say something, and show something."""

    @abstractmethod
    def call(self, replay: Replay) -> Call[Any]:
        """Return the call for the next turn."""

    @abstractmethod
    def codec(self, replay: Replay) -> Any:  # noqa: ANN401 # of any dialect
        """Return the codec that serves the dialect at a provider."""

    @abstractmethod
    def take(self, answer: Json, result: str) -> int:
        """Add an answer, and what came of its calls; return how many these are."""


class Chat(Conversation):
    """A conversation in the words of OpenAI's chats."""

    def ask(self, text: str, image: str) -> None:
        """Say something, and show something."""
        url = {"url": f"data:image/png;base64,{image}"}
        said = [{"type": "text", "text": text}, {"type": "image_url", "image_url": url}]
        self.turns.append({"role": "user", "content": said})

    def call(self, replay: Replay) -> Call[Any]:
        """Return the call for the next turn."""
        function = {"name": "get_weather", "parameters": SCHEMA}
        tools = [{"type": "function", "function": function}]
        body = {"model": "my-alias", "messages": self.turns, "tools": tools}
        return Call(
            chat_request(json=orjson.dumps(body)),
            alias="my-alias",
            model=replay.asked.model,
            provider=replay.target.provider_name,
        )

    def codec(self, replay: Replay) -> Any:  # noqa: ANN401 # of any dialect
        """Return the provider's own."""
        return codec_named(replay.endpoint.codec)

    def take(self, answer: Json, result: str) -> int:
        """Add an answer, and what came of its calls."""
        message = answer["choices"][0]["message"]
        self.turns.append(message)
        calls = message["tool_calls"]
        for number, each in enumerate(calls):
            told = {"tool_call_id": each["id"], "content": f"{result}.{number}"}
            self.turns.append({"role": "tool", **told})
        return len(calls)


class Messages(Conversation):
    """A conversation in the words of Anthropic's Messages."""

    def ask(self, text: str, image: str) -> None:
        """Say something, and show something."""
        source = {"type": "base64", "media_type": "image/png", "data": image}
        said = [{"type": "text", "text": text}, {"type": "image", "source": source}]
        if self.turns and self.turns[-1]["role"] == "user":
            self.turns[-1]["content"] += said
        else:
            self.turns.append({"role": "user", "content": said})

    def call(self, replay: Replay) -> Call[Any]:
        """Return the call for the next turn."""
        tools = [{"name": "get_weather", "input_schema": SCHEMA}]
        return message_call(replay, {"max_tokens": 99, "messages": self.turns, "tools": tools})

    def codec(self, replay: Replay) -> Any:  # noqa: ANN401 # of any dialect
        """Return one made of the provider's own."""
        return message_codec(codec_named(replay.endpoint.codec))

    def take(self, answer: Json, result: str) -> int:
        """Add an answer, and what came of its calls."""
        self.turns.append({"role": "assistant", "content": answer["content"]})
        calls = [each for each in answer["content"] if each["type"] == "tool_use"]
        told = [
            {"type": "tool_result", "tool_use_id": each["id"], "content": f"{result}.{number}"}
            for number, each in enumerate(calls)
        ]
        self.turns.append({"role": "user", "content": told})
        return len(calls)


class Responses(Conversation):
    """A conversation in the words of OpenAI's Responses."""

    def ask(self, text: str, image: str) -> None:
        """Say something, and show something."""
        shown = {"type": "input_image", "image_url": f"data:image/png;base64,{image}"}
        self.turns.append(
            {"role": "user", "content": [{"type": "input_text", "text": text}, shown]}
        )

    def call(self, replay: Replay) -> Call[Any]:
        """Return the call for the next turn."""
        tools = [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]
        return response_call(replay, {"input": self.turns, "tools": tools})

    def codec(self, replay: Replay) -> Any:  # noqa: ANN401 # of any dialect
        """Return one made of the provider's own."""
        return response_codec(codec_named(replay.endpoint.codec))

    def take(self, answer: Json, result: str) -> int:
        """Add an answer, and what came of its calls."""
        self.turns += answer["output"]
        calls = [each for each in answer["output"] if each["type"] == "function_call"]
        for number, each in enumerate(calls):
            told = {"call_id": each["call_id"], "output": f"{result}.{number}"}
            self.turns.append({"type": "function_call_output", **told})
        return len(calls)


def objects_in(value: object) -> Iterator[Json]:
    """Yield all objects of a JSON value."""
    parts: Iterable[object] = value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield value
        parts = value.values()
    for part in parts:
        yield from objects_in(part)


def calls_in(each: Json) -> list[str]:
    """Return by what the calls of an object are known: ids, or names where a dialect has none."""
    match each:
        case {"type": "tool_use", "id": name} | {"toolUse": {"toolUseId": name}}:
            return [name]
        case {"functionCall": {"name": name}}:
            return [name]
        case {"tool_calls": list(calls)}:
            return [str(one.get("id") or one["function"]["name"]) for one in calls]
    return []


def results_in(each: Json) -> list[str]:
    """Return by what the result is known that an object is."""
    match each:
        case {"type": "tool_result", "tool_use_id": name}:
            return [name]
        case {"toolResult": {"toolUseId": name}} | {"functionResponse": {"name": name}}:
            return [name]
        case {"role": "tool", **told}:
            return [str(told.get("tool_call_id") or told.get("tool_name"))]
    return []


@pytest.mark.parametrize("kind", [Chat, Messages, Responses])
@pytest.mark.parametrize("first", [0, 3, 7])
def test_nothing_is_lost_where_each_turn_has_another_provider(
    kind: type[Conversation], first: int
) -> None:
    """No text, call, id, result or picture of the turns before, whoever had them."""
    conversation, order = kind(), PROVIDERS[first:] + PROVIDERS[:first]
    markers: list[str] = []
    expected = 0
    for turn, name in enumerate(order):
        markers += f"words of turn {turn}", picture(turn)
        conversation.ask(*markers[-2:])
        replay = recorded()[f"{name}/chat/tools"]
        call, codec = conversation.call(replay), conversation.codec(replay)
        sent = orjson.loads(codec.to_upstream(call, replay.endpoint, replay.target).body)
        text = orjson.dumps(sent).decode()
        assert [each for each in markers if each not in text] == [], (turn, name)
        calls = [name for each in objects_in(sent) for name in calls_in(each)]
        results = [name for each in objects_in(sent) for name in results_in(each)]
        assert (len(calls), len(results)) == (expected, expected), (turn, name)
        assert sorted(calls) == sorted(results), (turn, name)
        answer = codec.from_upstream(replay.response, call, replay.endpoint)
        result = f"result of turn {turn}"
        made = conversation.take(orjson.loads(answer.json), result)
        assert made
        markers += [f"{result}.{number}" for number in range(made)]
        expected += made
