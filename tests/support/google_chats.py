"""Chats that mean the same in OpenAI's words and in those of Google's SDK."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from google.genai import types

PNG = b"\x89PNG\r\n\x1a\n"
PNG_BASE64 = "iVBORw0KGgo="
SEAL = "CpcHAdHtim9YLbtq0Fv3Iw=="
SCHEMA = {"type": "object", "properties": {"city_name": {"type": "string"}}}
Json = dict[str, Any]


def user(*parts: types.Part) -> types.Content:
    """Return a turn of the user."""
    return types.Content(role="user", parts=list(parts))


def model(*parts: types.Part) -> types.Content:
    """Return a turn of the model."""
    return types.Content(role="model", parts=list(parts))


def text(words: str, *, thought: bool | None = None) -> types.Part:
    """Return a part with words."""
    return types.Part(text=words, thought=thought)


def declared(*names: str) -> list[types.Tool]:
    """Return functions with our schema."""
    functions = [
        types.FunctionDeclaration(name=name, description="Does", parameters_json_schema=SCHEMA)
        for name in names
    ]
    return [types.Tool(function_declarations=functions)]


def tools(*names: str) -> list[Json]:
    """Return the same, as OpenAI has them."""
    function = {"description": "Does", "parameters": SCHEMA}
    return [{"type": "function", "function": {"name": name, **function}} for name in names]


def choosing(mode: str, *names: str) -> types.ToolConfig:
    """Return whether and which functions must be called."""
    return types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode=types.FunctionCallingConfigMode(mode), allowed_function_names=list(names) or None
        )
    )


class Same(NamedTuple):
    """The same chat, as OpenAI and as the SDK say it."""

    openai: Json
    contents: list[types.Content]
    config: Mapping[str, Any] = MappingProxyType({})
    model: str = "gemini-3.5-flash"


HELLO = {"messages": [{"role": "user", "content": "Hello!"}]}
HELLO_SDK = [user(text("Hello!"))]
CALLED = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"city_name": "Paris"}'},
    "extra_content": {"google": {"thought_signature": SEAL}},
}
CALLED_SDK = types.Part.model_validate(
    {
        "function_call": {"id": "c1", "name": "f", "args": {"city_name": "Paris"}},
        "thought_signature": SEAL,
    }
)
CHATS = {
    "google_search": Same(
        {
            "messages": [{"role": "user", "content": "Who won?"}],
            "tools": [*tools("get_weather"), {"googleSearch": {}}, {"type": "url_context"}],
        },
        [user(text("Who won?"))],
        {
            "tools": [
                *declared("get_weather"),
                types.Tool(google_search=types.GoogleSearch()),
                types.Tool(url_context=types.UrlContext()),
            ]
        },
    ),
    "plain": Same(HELLO, HELLO_SDK),
    "stream": Same(HELLO | {"stream": True}, HELLO_SDK),
    "system": Same(
        {"messages": [{"role": "system", "content": "Be brief."}, *HELLO["messages"]]},
        HELLO_SDK,
        {"system_instruction": types.Content(parts=[text("Be brief.")])},
    ),
    "multi_turn": Same(
        {
            "messages": [
                *HELLO["messages"],
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "Bye."},
            ]
        },
        [*HELLO_SDK, model(text("Hi.")), user(text("Bye."))],
    ),
    "image": Same(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {
                            "type": "image_url",
                            "image_url": {"url": f"data:image/png;base64,{PNG_BASE64}"},
                        },
                        {"type": "image_url", "image_url": {"url": "gs://bucket/cat.jpg"}},
                    ],
                }
            ]
        },
        [
            user(
                text("What is it?"),
                types.Part.from_bytes(data=PNG, mime_type="image/png"),
                types.Part.from_uri(file_uri="gs://bucket/cat.jpg", mime_type="image/jpeg"),
            )
        ],
    ),
    "tools": Same(HELLO | {"tools": tools("f", "g")}, HELLO_SDK, {"tools": declared("f", "g")}),
    "tool_choice_none": Same(
        HELLO | {"tools": tools("f"), "tool_choice": "none"},
        HELLO_SDK,
        {"tools": declared("f"), "tool_config": choosing("NONE")},
    ),
    "tool_choice_required": Same(
        HELLO | {"tools": tools("f"), "tool_choice": "required"},
        HELLO_SDK,
        {"tools": declared("f"), "tool_config": choosing("ANY")},
    ),
    "tool_choice_function": Same(
        HELLO
        | {"tools": tools("f"), "tool_choice": {"type": "function", "function": {"name": "f"}}},
        HELLO_SDK,
        {"tools": declared("f"), "tool_config": choosing("ANY", "f")},
    ),
    "tool_result": Same(
        {
            "messages": [
                *HELLO["messages"],
                {"role": "assistant", "content": None, "tool_calls": [CALLED]},
                {"role": "tool", "tool_call_id": "c1", "content": '{"degrees_c": 15}'},
            ],
            "tools": tools("f"),
        },
        [
            *HELLO_SDK,
            model(CALLED_SDK),
            user(
                types.Part(
                    function_response=types.FunctionResponse(
                        id="c1", name="f", response={"degrees_c": 15}
                    )
                )
            ),
        ],
        {"tools": declared("f")},
    ),
    "structured_output": Same(
        HELLO
        | {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": SCHEMA},
            }
        },
        HELLO_SDK,
        {
            "response_mime_type": "application/json",
            "response_json_schema": {"title": "city", **SCHEMA},
        },
    ),
    "json_object": Same(
        HELLO | {"response_format": {"type": "json_object"}},
        HELLO_SDK,
        {"response_mime_type": "application/json"},
    ),
    "parameters": Same(
        HELLO
        | {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "max_completion_tokens": 100,
            "n": 2,
            "stop": ["END"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "logprobs": True,
            "top_logprobs": 3,
            "service_tier": "flex",
            "cached_content": "cachedContents/x",
        },
        HELLO_SDK,
        {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "max_output_tokens": 100,
            "candidate_count": 2,
            "stop_sequences": ["END"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "response_logprobs": True,
            "logprobs": 3,
            "service_tier": types.ServiceTier.FLEX,
            "cached_content": "cachedContents/x",
        },
    ),
    "thinking_level": Same(
        HELLO | {"reasoning_effort": "high"},
        HELLO_SDK,
        {
            "thinking_config": types.ThinkingConfig(
                include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH
            )
        },
    ),
    "thinking_budget": Same(
        HELLO | {"reasoning_effort": "medium"},
        HELLO_SDK,
        {"thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_budget=8192)},
        model="gemini-2.5-flash",
    ),
    "thoughts_next_turn": Same(
        {
            "messages": [
                *HELLO["messages"],
                {
                    "role": "assistant",
                    "content": "Hi.",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "Hm.", "format": "google-gemini-v1"},
                        {
                            "type": "reasoning.encrypted",
                            "data": SEAL,
                            "format": "google-gemini-v1",
                            "index": 1,
                        },
                    ],
                },
                {"role": "user", "content": "Bye."},
            ]
        },
        [
            *HELLO_SDK,
            model(
                text("Hm.", thought=True),
                types.Part.model_validate({"text": "Hi.", "thought_signature": SEAL}),
            ),
            user(text("Bye.")),
        ],
    ),
}
