"""Requests that users of gateways saw refused, and the rules of the providers that refused them.

Each is named for the report that it stands for. What is sent is held to the provider's documented
rule, whatever way the codec found to keep it.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
CATALOG = load_catalog()
USER: Json = {"role": "user", "content": "go"}
RUN: Json = {
    "type": "function",
    "function": {"name": "run", "parameters": {"type": "object", "properties": {}}},
}
PNG = "data:image/png;base64,iVBORw0KGgo="
# As OpenAI's SDK dumps an answer.
ECHO: Json = {
    "role": "assistant",
    "content": "Sure.",
    "refusal": None,
    "annotations": [],
    "audio": None,
    "function_call": None,
    "tool_calls": None,
}
LIMITED: Json = {
    "type": "object",
    "required": ["score"],
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 10}},
}


class Report(NamedTuple):
    """A request, to whom it goes, and whether that provider takes a body."""

    provider: str
    model: str
    request: Json
    takes: Callable[[Json], object]


def chat(*messages: Json, **members: object) -> Json:
    """Return a chat."""
    return {"messages": list(messages), **members}


def called(*call_ids: str, **more: object) -> list[Json]:
    """Return a round: a turn with calls, and their results."""
    function = {"name": "run", "arguments": "{}"}
    calls = [{"id": each, "type": "function", "function": function, **more} for each in call_ids]
    results = [{"role": "tool", "tool_call_id": each, "content": "done"} for each in call_ids]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *results]


def shown() -> Json:
    """Return a result with a screenshot."""
    content = [{"type": "text", "text": "shot"}, {"type": "image_url", "image_url": {"url": PNG}}]
    return {"role": "tool", "tool_call_id": "abcdefghi", "content": content}


def said(*parts: Json) -> Json:
    """Return a user's turn of parts."""
    return {"role": "user", "content": list(parts)}


def file(data: str, name: str) -> Json:
    """Return a file as a part."""
    return {"type": "file", "file": {"filename": name, "file_data": data}}


def blocks(body: Json) -> Iterator[Json]:
    """Yield the blocks of all turns, a text being one."""
    for turn in body["messages"]:
        content = turn.get("content") or ()
        yield from [{"text": content}] if isinstance(content, str) else content


def ids_are_good(body: Json) -> bool:
    """Anthropic, Bedrock: of a pattern, each call's its own, and the same in its result."""
    pairs = [each.get("toolUse") or each.get("toolResult") or each for each in blocks(body)]
    made = [str(x.get("id") or x.get("toolUseId")) for x in pairs if "name" in x]
    answered = [
        x.get("tool_use_id") or x.get("toolUseId")
        for x in pairs
        if "name" not in x and ("tool_use_id" in x or "toolUseId" in x)
    ]
    is_fitted = all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in made)
    return is_fitted and made == answered and len(set(made)) == len(made) > 0


def knows_members(*allowed: str) -> Callable[[Json], bool]:
    """Return the rule of servers that refuse other members of an assistant's turn."""
    return lambda body: all(
        turn.keys() <= set(allowed) for turn in body["messages"] if turn["role"] == "assistant"
    )


def has_no_foreign_calls(body: Json) -> bool:
    """OpenAI: `Unknown parameter: 'messages[1].tool_calls[0].extra_content'`."""
    calls = [c for turn in body["messages"] for c in turn.get("tool_calls") or ()]
    turns = [turn for turn in body["messages"] if "reasoning_content" in turn]
    return bool(calls) and not turns and all("extra_content" not in each for each in calls)


def pictures_are_the_users(body: Json) -> bool:
    """OpenAI, Mistral: images in messages of the user alone."""
    with_pictures = [turn["role"] for turn in body["messages"] if "image_url" in str(turn)]
    return with_pictures == ["user"]


def roles(*pairs: tuple[str, str]) -> Callable[[Json], bool]:
    """Return the rule that no role follows another so."""
    return lambda body: (
        not {(a["role"], b["role"]) for a, b in pairwise(body["messages"])}.intersection(pairs)
    )


def has_words(body: Json) -> bool:
    """Anthropic: `text content blocks must contain non-whitespace text`."""
    return all(each["text"].strip() for each in blocks(body) if "text" in each)


REPORTS = {
    "an-kimi-ids": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(USER, *called("functions.Bash:0", "functions.Bash.0"), tools=[RUN]),
        ids_are_good,
    ),
    "an-same-ids": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(USER, *called("call_0"), *called("call_0"), tools=[RUN]),
        ids_are_good,
    ),
    "an-same-ids at Bedrock": Report(
        "Bedrock",
        "us.anthropic.claude-sonnet-4-5-v1:0",
        chat(USER, *called("call_0"), *called("call_0"), tools=[RUN]),
        ids_are_good,
    ),
    "oa-foreign-members": Report(
        "OpenAI",
        "gpt-4o",
        chat(
            USER,
            {
                **called("call_1", extra_content={"google": {"thought_signature": "S"}})[0],
                "reasoning_content": "hm",
            },
            called("call_1")[1],
            tools=[RUN],
        ),
        has_no_foreign_calls,
    ),
    "gq-sdk-echo": Report(
        "Groq",
        "llama-3.3-70b-versatile",
        chat(USER, ECHO, USER),
        knows_members("role", "content", "name", "tool_calls", "function_call", "reasoning"),
    ),
    "mi-sdk-echo": Report(
        "Mistral",
        "mistral-small-latest",
        chat(USER, {**ECHO, "reasoning_content": "hm"}, USER),
        knows_members("role", "content", "tool_calls", "prefix"),
    ),
    "ds-foreign-turn": Report(
        "DeepSeek",
        "deepseek-v4-flash",
        chat(USER, *called("c1"), tools=[RUN]),
        lambda body: "reasoning_content" in body["messages"][1],
    ),
    "ds-no-tools": Report(
        "DeepSeek",
        "deepseek-v4-flash",
        chat(USER, tools=[], tool_choice="auto"),
        lambda body: body.get("tools") != [] and "tool_choice" not in body,
    ),
    "oa-tool-image": Report(
        "OpenAI",
        "gpt-4o",
        chat(USER, called("abcdefghi")[0], shown(), tools=[RUN]),
        pictures_are_the_users,
    ),
    "oa-tool-image at Mistral": Report(
        "Mistral",
        "mistral-small-latest",
        chat(USER, called("abcdefghi")[0], shown(), tools=[RUN]),
        lambda body: pictures_are_the_users(body) and roles(("tool", "user"))(body),
    ),
    "co-developer": Report(
        "OpenAICompatible",
        "qwen3",
        chat({"role": "developer", "content": "Be kind."}, USER),
        lambda body: body["messages"][0]["role"] == "system",
    ),
    "an-blank-turn": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(USER, {"role": "assistant", "content": "\n\n"}, USER),
        has_words,
    ),
    "be-document-alone": Report(
        "Bedrock",
        "amazon.nova-lite-v1:0",
        chat(said(file("data:application/pdf;base64,JVBERi0xLjQ=", "a.pdf"))),
        lambda body: {"text", "document"} <= {name for each in blocks(body) for name in each},
    ),
    "mi-user-after-tool": Report(
        "Mistral",
        "mistral-small-latest",
        chat(USER, *called("abcdefghi"), USER, tools=[RUN]),
        roles(("tool", "user")),
    ),
    "px-alternate": Report(
        "Perplexity",
        "sonar",
        chat({"role": "system", "content": "s"}, USER, USER),
        roles(("user", "user")),
    ),
    "oa-max-tokens": Report(
        "OpenAI",
        "gpt-5.4",
        chat(USER, max_tokens=500),
        lambda body: "max_tokens" not in body and body["max_completion_tokens"] == 500,
    ),
    "oa-max-tokens at o4-mini": Report(
        "OpenAI",
        "o4-mini",
        chat(USER, max_tokens=500),
        lambda body: "max_tokens" not in body and body["max_completion_tokens"] == 500,
    ),
    "oa-temperature": Report(
        "OpenAI",
        "gpt-5-mini",
        chat(USER, temperature=0.7),
        lambda body: body.get("temperature", 1) == 1,
    ),
    "an-schema-limits": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(
            USER,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "s", "schema": LIMITED},
            },
        ),
        lambda body: '"minimum"' not in str(orjson.dumps(body)),
    ),
    "an-budget-default": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(USER, thinking={"type": "enabled", "budget_tokens": 20000}),
        lambda body: body["max_tokens"] > body["thinking"]["budget_tokens"],
    ),
    "ge-json-tools": Report(
        "Gemini",
        "gemini-2.5-flash",
        chat(
            USER,
            tools=[RUN],
            response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
        ),
        lambda body: body["tools"] and "responseMimeType" not in body.get("generationConfig", {}),
    ),
    "be-cache-other": Report(
        "Bedrock",
        "qwen.qwen3-32b-v1:0",
        chat(said({"type": "text", "text": "rules", "cache_control": {"type": "ephemeral"}})),
        lambda body: "cachePoint" not in str(body),
    ),
    "an-image-jpg": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(said({"type": "image_url", "image_url": {"url": "data:image/jpg;base64,/9j/4AAQ"}})),
        lambda body: [each["source"]["media_type"] for each in blocks(body)] == ["image/jpeg"],
    ),
    "an-markdown-file": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(said(file("data:text/markdown;base64,IyBOb3Rlcw==", "notes.md"))),
        lambda body: [each["source"]["media_type"] for each in blocks(body)] == ["text/plain"],
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_what_was_refused_elsewhere_is_sent_as_its_provider_takes_it(name: str) -> None:
    """By the rule that the provider's documentation or its refusal states."""
    report = REPORTS[name]
    spec = CATALOG.find(report.provider)
    endpoint = spec.endpoints["chat"]
    instance = Provider(name="P", provider_type=spec.name)
    if not CATALOG.base_url(spec):
        instance.base_url = "https://llm.example.com/v1"
    if any(setting.name == "region" for setting in spec.settings):
        instance.settings["region"] = "us-east-1"
    raw = orjson.dumps({"model": "alias", **report.request})
    call = Call(chat_request(json=raw), alias="alias", model=report.model)
    made = codec_named(endpoint.codec).to_upstream(call, endpoint, CATALOG.target(instance))
    assert report.takes(orjson.loads(made.body))


def test_the_rules_refuse_what_was_refused() -> None:
    """As it came; those of other dialects are of other words than the caller's."""
    codecs = {
        name: CATALOG.find(each.provider).endpoints["chat"].codec for name, each in REPORTS.items()
    }
    ours = [name for name, codec in codecs.items() if codec in {"openai_chat", "mistral_chat"}]
    assert len(ours) >= 12
    assert [name for name in ours if REPORTS[name].takes(REPORTS[name].request)] == []
