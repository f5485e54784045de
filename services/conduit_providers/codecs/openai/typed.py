"""Answers of OpenAI's dialect as messages, for typed callers."""

from conduit.v1.chat_chunk_json import chat_completion_chunk_from_json
from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk
from conduit.v1.chat_json import chat_completion_from_json
from conduit.v1.chat_pb2 import ChatCompletion


def read_completion(value: object) -> ChatCompletion:
    """Read a whole answer into the contract's message."""
    return chat_completion_from_json(_named_reasoning(value, "message"))


def read_chunk(value: object) -> ChatCompletionChunk:
    """Read an event into the contract's message."""
    return chat_completion_chunk_from_json(_named_reasoning(value, "delta"))


def _named_reasoning(value: object, part: str) -> object:
    """Give thoughts the name that the contract has for them; some providers call them `reasoning`.

    https://openrouter.ai/docs/use-cases/reasoning-tokens
    """
    choices = value.get("choices") if isinstance(value, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        said = choice.get(part) if isinstance(choice, dict) else None
        if isinstance(said, dict) and isinstance(said.get("reasoning"), str):
            thought = said.pop("reasoning")
            said["reasoning_content"] = said.get("reasoning_content") or thought
    return value
