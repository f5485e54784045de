"""OpenAI's documented JSON is read as the contract's typed form, and written back as it was."""

import orjson
import pytest

from conduit.v1 import chat_message_pb2, chat_pb2, chat_tool_pb2, embedding_pb2
from conduit.v1.chat_chunk_json import (
    chat_completion_chunk_from_json,
    chat_completion_chunk_to_json,
)
from conduit.v1.chat_json import (
    chat_completion_from_json,
    chat_completion_request_from_json,
    chat_completion_request_to_json,
    chat_completion_to_json,
)
from conduit.v1.chat_message_json import chat_message_from_json, chat_message_to_json
from conduit.v1.embedding_json import (
    embedding_list_from_json,
    embedding_list_to_json,
    embedding_request_from_json,
    embedding_request_to_json,
)

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
REQUESTS: dict[str, dict[str, object]] = {
    "plain": {"messages": [{"role": "user", "content": "hi"}]},
    "system": {"messages": [{"role": "developer", "content": "Be brief."}]},
    "vision": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                ],
            }
        ]
    },
    "audio": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                ],
            }
        ],
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
    },
    "tools": {"tools": [WEATHER], "parallel_tool_calls": False},
    "custom tool": {
        "tools": [{"type": "custom", "custom": {"name": "code", "format": {"type": "text"}}}]
    },
    "called tools": {
        "messages": [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
                    }
                ],
            },
            {"role": "tool", "content": "12 degrees", "tool_call_id": "call_1"},
        ]
    },
    "mode": {"tool_choice": "required"},
    "named tool": {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
    "allowed tools": {
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        }
    },
    "text": {"response_format": {"type": "text"}},
    "json": {"response_format": {"type": "json_object"}},
    "schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
        }
    },
    "stop list": {"stop": ["\n", "END"]},
    "numbers": {"temperature": 0.5, "top_p": 1.0, "n": 2, "seed": 2**40, "max_tokens": 0},
    "bias": {"logit_bias": {"50256": -100.0}, "metadata": {"a": "b"}},
    "stream": {"stream": True, "stream_options": {"include_usage": True}},
    "empty options": {"stream_options": {}},
    "not known": {"prediction": {"type": "content", "content": "x"}, "web_search_options": {}},
}


def written(request: chat_pb2.ChatCompletionRequest) -> object:
    """Return what a request is written as, after it was JSON text."""
    return orjson.loads(orjson.dumps(chat_completion_request_to_json(request)))


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_written_as_they_were_read(name: str) -> None:
    """OpenAI's shapes go through the typed form unchanged, known or not."""
    request = {"model": "gpt-4o", **REQUESTS[name]}
    assert written(chat_completion_request_from_json(request)) == request


def test_a_bare_string_is_one_part_of_text() -> None:
    """Content as a string and content as one part of text are the same message."""
    bare = chat_message_from_json({"role": "user", "content": "hi"})
    parts = chat_message_from_json({"role": "user", "content": [{"type": "text", "text": "hi"}]})
    assert bare == parts
    assert chat_message_to_json(bare) == {"role": "user", "content": "hi"}


def test_an_empty_string_is_content_too() -> None:
    """An empty text is not the same as no content."""
    assert chat_message_to_json(chat_message_from_json({"content": ""}))["content"] == ""
    assert chat_message_to_json(chat_message_from_json({"content": None}))["content"] is None


def test_a_part_that_says_more_than_its_text_stays_a_part() -> None:
    """A mark for the cache or an unknown member keeps a text from becoming a bare string."""
    marked = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    new = {"type": "text", "text": "hi", "annotations": []}
    for part in (marked, new):
        message = chat_message_from_json({"role": "user", "content": [part]})
        assert orjson.loads(orjson.dumps(chat_message_to_json(message)["content"])) == [part]


def test_a_part_of_an_unknown_type_is_kept() -> None:
    """A part whose type the contract does not know is no error; it is written as it was read."""
    part = {"type": "hologram", "hologram": {"depth": 3}}
    message = chat_message_from_json({"role": "user", "content": [part]})
    assert message.content[0].WhichOneof("part") is None
    assert orjson.loads(orjson.dumps(chat_message_to_json(message)["content"])) == [part]


def test_a_missing_type_is_found_out() -> None:
    """Some providers leave out the type of a tool call."""
    call = {"id": "1", "function": {"name": "f", "arguments": "{}"}}
    message = chat_message_from_json({"role": "assistant", "tool_calls": [call]})
    assert message.tool_calls[0].function.name == "f"
    assert not message.tool_calls[0].unknown_json


def test_a_single_stop_is_a_list_of_one() -> None:
    """`stop` takes one string or several, and is written as a list."""
    request = chat_completion_request_from_json({"stop": "END"})
    assert list(request.stop) == ["END"]
    assert written(request) == {"stop": ["END"]}


def test_the_unspecified_mode_is_written_as_what_it_means() -> None:
    """A tool choice of a gRPC caller that says `unspecified` is `auto`, as its comment says."""
    request = chat_pb2.ChatCompletionRequest()
    request.tool_choice.mode = chat_tool_pb2.TOOL_CHOICE_MODE_UNSPECIFIED
    assert written(request) == {"tool_choice": "auto"}


def test_unknown_members_cannot_speak_for_known_ones() -> None:
    """A gRPC caller cannot slip another model in by way of the unknown members."""
    request = chat_pb2.ChatCompletionRequest(unknown_json=b'{"model":"dear","x":1}')
    assert written(request) == {"x": 1}
    request.model = "cheap"
    assert written(request) == {"model": "cheap", "x": 1}


def test_an_unknown_role_is_unspecified() -> None:
    """Whether a role is good is the Router's to say."""
    message = chat_message_from_json({"role": "narrator", "content": "x"})
    assert message.role == chat_message_pb2.CHAT_ROLE_UNSPECIFIED


COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1741570283,
    "model": "gpt-4o",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hello", "annotations": [{"type": "x"}]},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 0},
    },
    "x_groq": {"id": "req_1"},
}


def test_completions_are_written_as_they_were_read() -> None:
    """A whole answer keeps its nulls, its zeros and what the contract does not know."""
    completion = chat_completion_from_json(COMPLETION)
    assert orjson.loads(orjson.dumps(chat_completion_to_json(completion))) == COMPLETION


def chunk(choice: dict[str, object]) -> dict[str, object]:
    """Return a chunk with one choice."""
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": None, **choice}]}


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"role": "assistant", "content": ""}},
        {"delta": {"content": " Paris"}},
        {"delta": {"reasoning_content": "hm", "extra": 1}},
        {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]}},
        {"finish_reason": "tool_calls"},
        {"finish_reason": "eos"},
        {"finish_reason": "stop", "native_finish_reason": "end_turn"},
        {"logprobs": {"content": []}},
    ],
)
def test_chunks_are_written_as_they_were_read(choice: dict[str, object]) -> None:
    """A piece of a stream keeps its empty delta, its null reason, and reasons it does not know."""
    message = chat_completion_chunk_from_json(chunk(choice))
    assert orjson.loads(orjson.dumps(chat_completion_chunk_to_json(message))) == chunk(choice)


def test_an_unknown_reason_is_the_providers_own() -> None:
    """A reason that the contract does not know is kept as the provider's word, not lost."""
    message = chat_completion_chunk_from_json(chunk({"finish_reason": "eos"}))
    assert message.choices[0].finish_reason == chat_pb2.FINISH_REASON_UNSPECIFIED
    assert message.choices[0].native_finish_reason == "eos"


def test_an_empty_reason_is_none() -> None:
    """Some providers send an empty reason where others send null."""
    message = chat_completion_chunk_from_json(chunk({"finish_reason": ""}))
    assert not message.choices[0].HasField("native_finish_reason")


@pytest.mark.parametrize(
    ("value", "inputs"),
    [
        ("hi", [embedding_pb2.EmbeddingInput(text="hi")]),
        (["a", "b"], [{"text": "a"}, {"text": "b"}]),
        ([1, 2], [{"tokens": {"values": [1, 2]}}]),
        ([[1, 2], [3]], [{"tokens": {"values": [1, 2]}}, {"tokens": {"values": [3]}}]),
        ([], []),
    ],
)
def test_embedding_input_takes_all_of_its_forms(value: object, inputs: list[object]) -> None:
    """A text, texts, one list of tokens, and lists of tokens."""
    request = embedding_request_from_json({"model": "m", "input": value})
    # Protobuf takes mappings for messages, which its types do not say.
    expected = embedding_pb2.EmbeddingRequest(model="m", input=inputs)  # type: ignore[arg-type]
    assert request == expected
    again = embedding_request_to_json(request)
    assert embedding_request_from_json(again) == request


@pytest.mark.parametrize("vector", [[0.25, -1.0], "AACAPg=="])
def test_vectors_are_numbers_or_base64(vector: object) -> None:
    """An embedding is written in the form it was read in."""
    value = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "model": "m",
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
    assert embedding_list_to_json(embedding_list_from_json(value)) == value


def test_whole_numbers_are_components_too() -> None:
    """JSON does not tell 1 from 1.0."""
    value = {"data": [{"embedding": [1, 0.5]}]}
    assert list(embedding_list_from_json(value).data[0].embedding.floats.values) == [1.0, 0.5]
