"""Every member of a chat, at every type: said to the provider, told as dropped, or refused."""

from typing import Any, NamedTuple

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import (
    InvalidRequest,
    UnsupportedCapability,
    UnsupportedParameter,
)
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.jobs import JobCodec
from conduit_providers.operations.chat import chat_request
from conduit_providers.wire import HttpRequest

Json = dict[str, Any]
CATALOG = load_catalog(base_urls={"Simulator": "http://127.0.0.1:9999/v1"})
SETTINGS = {"region": "us-east-1", "project": "p", "location": "global", "resource": "r"}
# Types whose models differ in what they take; all others have one.
MODELS = {
    "Anthropic": ["claude-opus-5", "claude-opus-5-5", "claude-sonnet-4-5"],
    "Bedrock": [
        "us.anthropic.claude-opus-4-7",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.amazon.nova-2-lite-v1:0",
        "us.meta.llama3-3-70b-instruct-v1:0",
        "openai.gpt-oss-120b-1:0",
    ],
    "Cerebras": ["gpt-oss-120b", "zai-glm-4.7"],
    "DeepSeek": ["deepseek-v4-flash"],
    "Fireworks": ["accounts/fireworks/models/gpt-oss-120b", "accounts/fireworks/models/glm-4p6"],
    "Gemini": ["gemini-2.5-pro", "gemini-2.5-flash", "gemini-3-pro", "gemini-2.0-flash"],
    "Groq": ["openai/gpt-oss-120b", "qwen/qwen3-32b", "llama-3.3-70b-versatile"],
    "Ollama": ["qwen3", "gpt-oss:20b"],
    "Replicate": [
        "openai/gpt-5",
        "openai/gpt-4o",
        "openai/o4-mini",
        "openai/gpt-oss-20b",
        "anthropic/claude-4.5-sonnet",
        "google/gemini-2.5-flash",
        "meta/meta-llama-3-70b-instruct",
    ],
    "Together": ["openai/gpt-oss-120b", "Qwen/Qwen3-235B-A22B-fp8-tput"],
    "VertexAI": ["gemini-2.5-flash", "claude-opus-5", "meta/llama-4-maverick-17b-128e"],
    "xAI": ["grok-4.5", "grok-4.3", "grok-3-mini", "grok-4-fast-reasoning"],
}
USER: Json = {"role": "user", "content": "The weather?"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def tool(name: str, **more: object) -> Json:
    """Return a function."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": schema, **more}}


TOOLS: Json = {"tools": [tool("get_weather"), tool("get_time")]}
CALL: Json = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_abc1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": "{}"},
        }
    ],
}
RESULT: Json = {"role": "tool", "tool_call_id": "call_abc1", "content": "Rain"}
SCHEMA: Json = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def said(*parts: Json) -> Json:
    """Return a conversation of one turn with parts behind its text."""
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "So"}, *parts]}]}


def allowed(mode: str) -> Json:
    """Return a choice of one of two tools."""
    tools = [{"type": "function", "function": {"name": "get_time"}}]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


class Member(NamedTuple):
    """A member of a request, and the request without it."""

    members: Json
    without: Json


def of(**members: object) -> Member:
    """Return a member of a plain chat."""
    return Member({"messages": [USER], **members}, {"messages": [USER]})


def with_tools(**members: object) -> Member:
    """Return a member of a chat with two tools."""
    base = {"messages": [USER], **TOOLS}
    return Member({**base, **members}, base)


def part(content: Json) -> Member:
    """Return a part of a message."""
    return Member(said(content), said())


def turns(*messages: Json, without: list[Json]) -> Member:
    """Return a member of a conversation with tools."""
    return Member({"messages": list(messages), **TOOLS}, {"messages": without, **TOOLS})


def in_form(schema: Json) -> Json:
    """Return the format of an answer by a schema."""
    return {"type": "json_schema", "json_schema": schema}


NAMED = {"type": "function", "function": {"name": "get_time"}}
FORMAT = {"name": "answer", "schema": SCHEMA, "strict": True}


def shown(detail: str) -> list[Json]:
    """Return a result that has a picture."""
    picture = {"url": PIXEL, "detail": detail}
    return [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": picture}]


MARK: Json = {"type": "ephemeral"}
SHOWN = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
MEMBERS: dict[str, Member] = {
    "parallel_tool_calls": with_tools(parallel_tool_calls=False),
    "tool_choice_none": with_tools(tool_choice="none"),
    "tool_choice_required": with_tools(tool_choice="required"),
    "tool_choice_named": with_tools(tool_choice=NAMED),
    "tool_choice_allowed": with_tools(tool_choice=allowed("auto")),
    "tool_choice_allowed_required": with_tools(tool_choice=allowed("required")),
    "tool_strict": Member(
        {"messages": [USER], "tools": [tool("get_weather", strict=True)]},
        {"messages": [USER], "tools": [tool("get_weather")]},
    ),
    "tool_description": Member(
        {"messages": [USER], "tools": [tool("get_weather", description="Now")]},
        {"messages": [USER], "tools": [tool("get_weather")]},
    ),
    "tool_of_another_kind": Member(
        {"messages": [USER], "tools": [tool("get_weather"), {"type": "web_search_20250305"}]},
        {"messages": [USER], "tools": [tool("get_weather")]},
    ),
    "custom_tool": Member(
        {"messages": [USER], "tools": [{"type": "custom", "custom": {"name": "run"}}]},
        {"messages": [USER]},
    ),
    "functions": of(functions=[{"name": "f", "parameters": SCHEMA}], function_call={"name": "f"}),
    "n": of(n=2),
    "logprobs": of(logprobs=True),
    "top_logprobs": Member(
        {"messages": [USER], "logprobs": True, "top_logprobs": 3},
        {"messages": [USER], "logprobs": True},
    ),
    "seed": of(seed=7),
    "temperature": of(temperature=0.25),
    "top_p": of(top_p=0.25),
    "presence_penalty": of(presence_penalty=0.5),
    "frequency_penalty": of(frequency_penalty=0.5),
    "logit_bias": of(logit_bias={"7": 3}),
    "stop_text": of(stop="END"),
    "stop_list": of(stop=["END", "STOP"]),
    "max_tokens": of(max_tokens=4321),
    "max_completion_tokens": of(max_completion_tokens=4321),
    "both_limits": Member(
        {"messages": [USER], "max_tokens": 4000, "max_completion_tokens": 4321},
        {"messages": [USER], "max_completion_tokens": 4321},
    ),
    "response_format_json": of(response_format={"type": "json_object"}),
    "response_format_schema": of(response_format={"type": "json_schema", "json_schema": FORMAT}),
    "schema_description": Member(
        {"messages": [USER], "response_format": in_form({**FORMAT, "description": "In short"})},
        {"messages": [USER], "response_format": in_form(FORMAT)},
    ),
    "schema_name": Member(
        {"messages": [USER], "response_format": in_form({**FORMAT, "name": "forecast"})},
        {"messages": [USER], "response_format": in_form(FORMAT)},
    ),
    "schema_description_with_tools": Member(
        {
            "messages": [USER],
            **TOOLS,
            "response_format": in_form({**FORMAT, "description": "In short"}),
        },
        {"messages": [USER], **TOOLS, "response_format": in_form(FORMAT)},
    ),
    **{
        f"reasoning_effort_{word}": of(reasoning_effort=word)
        for word in ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    },
    "verbosity": of(verbosity="low"),
    "modalities": of(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
    "audio": of(audio={"voice": "alloy", "format": "wav"}),
    "user": of(user="ada"),
    "metadata": of(metadata={"team": "a"}),
    "store": of(store=True),
    "service_tier": of(service_tier="flex"),
    "prediction": of(prediction={"type": "content", "content": "x"}),
    "web_search_options": of(web_search_options={"search_context_size": "low"}),
    "safety_identifier": of(safety_identifier="ada"),
    "prompt_cache_key": of(prompt_cache_key="k"),
    "prompt_cache_retention": of(prompt_cache_retention="24h"),
    "brand_new": of(brand_new=1),
    "image": part({"type": "image_url", "image_url": {"url": PIXEL}}),
    "image_detail": Member(
        said({"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}}),
        said({"type": "image_url", "image_url": {"url": PIXEL}}),
    ),
    **{
        f"image_detail_{word}": Member(
            said({"type": "image_url", "image_url": {"url": PIXEL, "detail": word}}),
            said({"type": "image_url", "image_url": {"url": PIXEL}}),
        )
        for word in ("low", "original", "brand_new")
    },
    "image_of_another_member": Member(
        said({"type": "image_url", "image_url": {"url": PIXEL, "brand_new": 1}}),
        said({"type": "image_url", "image_url": {"url": PIXEL}}),
    ),
    "image_in_tool_result_detail": turns(
        USER,
        CALL,
        {**RESULT, "content": shown("low")},
        without=[USER, CALL, RESULT | {"content": shown("auto")}],
    ),
    "input_audio": part(
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    ),
    "file": part(
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        }
    ),
    "file_id": part({"type": "file", "file": {"file_id": "file-1"}}),
    "video": part({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}),
    "part_of_another_kind": part({"type": "hologram", "hologram": {"url": "https://a.example/h"}}),
    "text_of_another_member": Member(
        said({"type": "text", "text": "x", "brand_new": 1}), said({"type": "text", "text": "x"})
    ),
    "prompt_cache_breakpoint": Member(
        said({"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}),
        said({"type": "text", "text": "x"}),
    ),
    "cache_control_of_message": of(messages=[{**USER, "cache_control": MARK}]),
    "cache_control_of_tool": Member(
        {"messages": [USER], "tools": [{**tool("get_time"), "cache_control": MARK}]},
        {"messages": [USER], "tools": [tool("get_time")]},
    ),
    "tool_of_another_member": Member(
        {"messages": [USER], "tools": [{**tool("get_time"), "brand_new": 1}]},
        {"messages": [USER], "tools": [tool("get_time")]},
    ),
    "function_of_another_member": Member(
        {"messages": [USER], "tools": [tool("get_time", brand_new=1)]},
        {"messages": [USER], "tools": [tool("get_time")]},
    ),
    "message_of_another_member": of(messages=[{**USER, "brand_new": 1}]),
    "system_name": of(messages=[{"role": "system", "content": "Be", "name": "ada"}, USER]),
    "assistant_name": turns(
        USER,
        {"role": "assistant", "content": "Hm", "name": "ada"},
        USER,
        without=[USER, {"role": "assistant", "content": "Hm"}, USER],
    ),
    "call_of_another_member": turns(
        USER,
        {**CALL, "tool_calls": [{**CALL["tool_calls"][0], "brand_new": 1}]},
        RESULT,
        without=[USER, CALL, RESULT],
    ),
    "moderation": of(moderation={"model": "m"}),
    "cache_control": Member(
        said({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
        said({"type": "text", "text": "x"}),
    ),
    "name": of(messages=[{**USER, "name": "ada"}]),
    "tool_result_image": turns(
        USER, CALL, {**RESULT, "content": SHOWN}, without=[USER, CALL, RESULT | {"content": "See"}]
    ),
    "tool_result_error": turns(
        USER, CALL, {**RESULT, "is_error": True}, without=[USER, CALL, RESULT]
    ),
    "refusal": turns(
        USER,
        {"role": "assistant", "content": None, "refusal": "No."},
        USER,
        without=[USER, USER],
    ),
    "reasoning_content": turns(
        USER, {**CALL, "reasoning_content": "Hm."}, RESULT, without=[USER, CALL, RESULT]
    ),
    "reasoning_of_nobody": turns(
        USER,
        {
            **CALL,
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "format": "z"}],
        },
        RESULT,
        without=[USER, CALL, RESULT],
    ),
    "spoken_answer": turns(
        USER,
        {"role": "assistant", "content": "Hm", "audio": {"id": "audio_1"}},
        USER,
        without=[USER, {"role": "assistant", "content": "Hm"}, USER],
    ),
    "annotations": turns(
        USER,
        {"role": "assistant", "content": "Hm", "annotations": [{"type": "url_citation"}]},
        USER,
        without=[USER, {"role": "assistant", "content": "Hm"}, USER],
    ),
    "function_turn": turns(USER, {"role": "function", "name": "f", "content": "x"}, without=[USER]),
}
WHERE = [
    (spec.name, model)
    for spec in CATALOG.specs
    if spec.name != "Simulator" and "chat" in spec.endpoints
    for model in MODELS.get(spec.name, ["some-model"])
]


# Models that do not think need not be told not to.
SAID_BY_SILENCE = {("us.meta.llama3-3-70b-instruct-v1:0", "reasoning_effort_none")}


class Sent(NamedTuple):
    """What became of a request."""

    body: object
    dropped: set[str]


def sent(kind: str, model: str, request: Json, *, is_strict: bool = False) -> Sent:
    """Translate a request."""
    spec = CATALOG.find(kind)
    endpoint = spec.endpoints["chat"]
    provider = Provider(name="P", provider_type=spec.name)
    if not CATALOG.base_url(spec):
        provider.base_url = "https://llm.example.com/v1"
    known = {setting.name for setting in spec.settings}
    provider.settings.update({k: v for k, v in SETTINGS.items() if k in known})
    target = CATALOG.target(provider)
    raw = orjson.dumps({"model": "alias", **request})
    call = Call(chat_request(json=raw), alias="alias", model=model, is_strict=is_strict)
    codec = codec_named(endpoint.codec)
    if isinstance(codec, JobCodec):
        made = next(codec.whole(call, endpoint, target)).request
        assert isinstance(made, HttpRequest)
    else:
        made = codec.to_upstream(call, endpoint, target)
    return Sent((made.path, made.headers, orjson.loads(made.body)), set(call.dropped))


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(("kind", "model"), WHERE, ids=str)
def test_a_member_is_said_or_told_or_refused(kind: str, model: str, name: str) -> None:
    """What changes nothing in the request upstream is named as dropped, or the call is refused."""
    member = MEMBERS[name]
    try:
        plain = sent(kind, model, member.without)
        found = sent(kind, model, member.members)
    except (InvalidRequest, UnsupportedCapability):
        return
    if (model, name) in SAID_BY_SILENCE:
        return
    lost = found.dropped - plain.dropped
    assert found.body != plain.body or lost
    if lost:
        with pytest.raises(UnsupportedParameter):
            sent(kind, model, member.members, is_strict=True)


# As OpenAI's SDK writes an answer down that is sent back.
SENT_BACK: Json = {
    "role": "assistant",
    "content": "Rain.",
    "refusal": None,
    "annotations": [],
    "audio": None,
    "function_call": None,
    "tool_calls": None,
}
# The same, as it puts a stream together and reads what it holds.
PUT_TOGETHER: Json = {
    **SENT_BACK,
    "parsed": {"a": 1},
    "tool_calls": [
        {
            **CALL["tool_calls"][0],
            "index": 0,
            "function": {"name": "get_weather", "arguments": "{}", "parsed_arguments": {}},
        }
    ],
}
NOTHING: dict[str, Json] = {
    "n": {"n": 1},
    "logprobs": {"logprobs": False},
    "store": {"store": False},
    "presence_penalty": {"presence_penalty": 0},
    "frequency_penalty": {"frequency_penalty": 0.0},
    "logit_bias": {"logit_bias": {}},
    "metadata": {"metadata": {}},
    "modalities": {"modalities": ["text"]},
    "parallel_tool_calls": {**TOOLS, "parallel_tool_calls": True},
    "tool_choice": {**TOOLS, "tool_choice": "auto"},
    "stop": {"stop": []},
    "user": {"user": ""},
    "service_tier": {"service_tier": "auto"},
    "verbosity": {"verbosity": "medium"},
    "response_format": {"response_format": {"type": "text"}},
    "null": {"seed": None, "temperature": None, "tools": None, "reasoning_effort": None},
    "sent_back": {"messages": [USER, SENT_BACK, USER]},
    "put_together": {**TOOLS, "messages": [USER, PUT_TOGETHER, RESULT]},
    "both_limits_the_same": {"max_tokens": 4321, "max_completion_tokens": 4321},
}


@pytest.mark.parametrize(("kind", "model"), WHERE, ids=str)
def test_what_an_sdk_adds_to_an_answer_reaches_no_provider(kind: str, model: str) -> None:
    """Strict ones refuse it, and it says nothing that the answer does not."""
    try:
        found = sent(kind, model, NOTHING["put_together"])
    except UnsupportedCapability:
        return
    body = orjson.dumps(found.body)
    if kind in {"OpenAICompatible", "OpenRouter"}:
        # What is in messages passes as it is.
        body = body.replace(b'"parsed":', b"")
    for name in (b"parsed", b"parsed_arguments", b"index"):
        assert b'"%b"' % name not in body


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize(("kind", "model"), WHERE, ids=str)
def test_what_asks_for_nothing_is_no_loss(kind: str, model: str, name: str) -> None:
    """Strict callers may say what happens anyway, and send back what the SDK gave them."""
    try:
        found = sent(kind, model, {"messages": [USER], **NOTHING[name]}, is_strict=True)
    except UnsupportedCapability:
        # Of a type that does nothing with tools, whatever is said of them.
        assert "tools" in NOTHING[name]
    else:
        assert found.dropped == set()
