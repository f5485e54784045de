"""Requests that users of gateways saw refused, and the rules of the providers that refused them.

Each is named for the report that it stands for. What is sent is held to the provider's documented
rule, whatever way the codec found to keep it.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import orjson
import pytest
from tests.support.field_reports import (
    CATALOG,
    DIALECTS,
    RUN,
    USER,
    Json,
    Report,
    called,
    chat,
    request_of,
    sent,
)

from conduit_kernel.errors import InvalidRequest

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


def words(text: str) -> Json:
    """Return a part that is a text."""
    return {"type": "text", "text": text}


def marked(text: str, **more: object) -> Json:
    """Return a text up to which is cached."""
    return {**words(text), "cache_control": {"type": "ephemeral", **more}}


def names_none_but_tools(body: Json) -> bool:
    """Names of speakers are OpenAI's; results of tools have them at Mistral, too."""
    turns = body.get("messages") or body["contents"]
    return not any("name" in turn for turn in turns if turn["role"] != "tool")


def is_exact(body: Json) -> bool:
    """As they were written: no 0.699999988, no order of our own."""
    written = orjson.dumps(body).decode()
    places = [written.find(f'"{name}":') for name in "zam"]
    return (
        '"temperature":0.7' in written
        and "9007199254740993" in written
        and places == sorted(places)
        and min(places) > 0
    )


def thinking_in(body: Json) -> Json:
    """Return what Claude is told of its thoughts, at Anthropic or at Bedrock."""
    found: Json = (body.get("additionalModelRequestFields") or body)["thinking"]
    return found


def arguments_of(body: Json) -> Json:
    """Return the schema of the first tool, at Anthropic or at Bedrock."""
    first = (body.get("tools") or body["toolConfig"]["tools"])[0]
    found: Json = first.get("input_schema") or first["toolSpec"]["inputSchema"]["json"]
    return found


CLAUDES = {name: DIALECTS[name] for name in ("Anthropic", "Bedrock")}
NEW_CLAUDES = {"Anthropic": "claude-opus-4-7", "Bedrock": "us.anthropic.claude-opus-4-8"}
UNION: Json = {
    "anyOf": [
        {"type": "object", "properties": {"kind": {"const": word}, word: {}}, "required": ["kind"]}
        for word in ("url", "text")
    ]
}
CLAUDES_AND_OTHERS = {
    name: model for name, model in DIALECTS.items() if name in {"Anthropic", "Bedrock", "Gemini"}
}
OPTIONAL = (
    *("tools", "tool_choice", "stop", "n", "response_format", "stream", "stream_options", "user"),
    *("seed", "logprobs", "top_logprobs", "logit_bias", "temperature", "top_p", "max_tokens"),
    *("max_completion_tokens", "metadata", "parallel_tool_calls", "reasoning_effort", "store"),
    *("presence_penalty", "frequency_penalty", "service_tier", "functions", "function_call"),
    *("modalities", "audio", "prediction", "web_search_options"),
)
OPENAIS_OWN: Json = {"store": False, "verbosity": "low", "user": "u1", "safety_identifier": "s"}
REMINDER: Json = {"role": "system", "content": "remember-me"}
# What must reach the provider as it was.
KEPT = ("in-exact", "in-system-middle")
NAMED: list[Json] = [
    {"role": "system", "content": "s", "name": "boss"},
    {**USER, "name": "boss"},
    {**called("abcdefghi")[0], "name": "boss"},
    {**called("abcdefghi")[1], "name": "boss"},
    {**USER, "name": "boss"},
]
EXACT: Json = {
    "type": "object",
    "properties": {
        "z": {"type": "number", "default": 0.1},
        "a": {"type": "integer", "enum": [9007199254740993]},
        "m": {"type": "number", "default": 1e-7},
    },
}
RICH: Json = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "$defs": {"n": {"type": "integer", "exclusiveMinimum": 0}},
    "properties": {
        "max": {"$ref": "#/$defs/n"},
        "mode": {"anyOf": [{"const": "a"}, {"const": "b"}]},
    },
}

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
    # huggingface/smolagents#1662, #1671; OpenAI's document says it of o3 and o4-mini.
    **{
        f"oa-stop at {provider} {model}": Report(
            provider, model, chat(USER, stop=["END"]), lambda body: "stop" not in body
        )
        for provider in ("OpenAI", "AzureOpenAI")
        for model in ("o3", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano-2025-08-07")
    },
    "mi-failed-tool": Report(
        "Mistral",
        "mistral-large-latest",
        chat(USER, *called("abcdefghi")[:1], {**called("abcdefghi")[1], "is_error": True}),
        lambda body: all("is_error" not in turn for turn in body["messages"]),
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
    "an-empty-beside-calls": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(
            USER,
            {**called("c")[0], "content": ""},
            {"role": "tool", "tool_call_id": "c", "content": ""},
            tools=[RUN],
        ),
        has_words,
    ),
    "an-sampling": Report(
        "Anthropic",
        "claude-opus-4-8",
        chat(USER, temperature=0.2, top_p=0.9),
        lambda body: not {"temperature", "top_p"} & body.keys(),
    ),
    "an-cache-parts": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(
            {"role": "system", "content": [marked("rules", ttl="1h"), words("today")]},
            USER,
            called("c")[0],
            {"role": "tool", "tool_call_id": "c", "content": [marked("out")]},
            tools=[{**RUN, "cache_control": {"type": "ephemeral"}}],
        ),
        lambda body: (
            [each.get("cache_control", {}).get("ttl") for each in body["system"]] == ["1h", None]
            and "cache_control" in body["tools"][0]
            and "cache_control" in str(body["messages"][-1])
        ),
    ),
    # NousResearch/hermes-agent#11137, microsoft/vscode#311862
    **{
        f"an-budget-refused at {provider}": Report(
            provider,
            model,
            chat(USER, thinking={"type": "enabled", "budget_tokens": 4000}),
            lambda body: thinking_in(body) == {"type": "adaptive"},
        )
        for provider, model in NEW_CLAUDES.items()
    },
    # The other way round, at models before Claude 4.6.
    **{
        f"an-adaptive-unknown at {provider}": Report(
            provider,
            model,
            chat(USER, thinking={"type": "adaptive"}),
            lambda body: thinking_in(body)["budget_tokens"] >= 1024,
        )
        for provider, model in CLAUDES.items()
    },
    # makenotion/notion-mcp-server#340, zereight/gitlab-mcp#550
    **{
        f"an-union-at-the-top at {provider}": Report(
            provider,
            model,
            chat(
                USER, tools=[{"type": "function", "function": {"name": "r", "parameters": UNION}}]
            ),
            lambda body: (
                [arguments_of(body)[name] for name in ("type", "required")] == ["object", ["kind"]]
                and not {"anyOf", "oneOf", "allOf"} & arguments_of(body).keys()
            ),
        )
        for provider, model in CLAUDES.items()
    },
    # interviewstreet/hiring-agent#421, of tools
    **{
        f"an-strict-limits at {provider}": Report(
            provider,
            model,
            chat(
                USER,
                tools=[
                    {
                        "type": "function",
                        "function": {"name": "r", "strict": True, "parameters": LIMITED},
                    }
                ],
            ),
            lambda body: (
                arguments_of(body)["additionalProperties"] is False
                and arguments_of(body)["properties"]["score"].keys() == {"type", "description"}
            ),
        )
        for provider, model in CLAUDES.items()
    },
    "an-sdk-echo": Report("Anthropic", "claude-sonnet-4-5", chat(USER, ECHO, USER), has_words),
    "an-stop-blank": Report(
        "Anthropic",
        "claude-sonnet-4-5",
        chat(USER, stop=["\n", "END"]),
        lambda body: body["stop_sequences"] == ["END"],
    ),
    "be-arguments": Report(
        "Bedrock",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        chat(
            USER,
            *called("c1", arguments=""),
            *called("c2", arguments='""'),
            *called("c3", arguments="null"),
            tools=[RUN],
        ),
        lambda body: (
            [type(each["toolUse"]["input"]) for each in blocks(body) if "toolUse" in each]
            == [dict, dict, dict]
        ),
    ),
    "ge-parallel-results": Report(
        "Gemini",
        "gemini-2.5-pro",
        chat(USER, *called("c0", "c1", "c2", "c3"), tools=[RUN]),
        lambda body: (
            [sum("functionResponse" in part for part in turn["parts"]) for turn in body["contents"]]
            == [0, 0, 4]
        ),
    ),
    "ge-schema": Report(
        "Gemini",
        "gemini-2.5-flash",
        chat(USER, tools=[{"type": "function", "function": {"name": "grep", "parameters": RICH}}]),
        lambda body: (
            body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]["properties"]
            == RICH["properties"]
        ),
    ),
    "n-several": Report(
        "Anthropic", "claude-sonnet-4-5", chat(USER, n=2), lambda body: "n" not in body
    ),
    **{
        f"all-nulls at {provider}": Report(
            provider,
            model,
            chat(USER, **dict.fromkeys(OPTIONAL)),
            lambda body: None not in body.values(),
        )
        for provider, model in CLAUDES_AND_OTHERS.items()
    },
    **{
        f"in-names at {provider}": Report(
            provider, model, chat(*NAMED, tools=[RUN]), names_none_but_tools
        )
        for provider, model in {**DIALECTS, "Groq": "llama-3.3-70b-versatile"}.items()
    },
    **{
        f"in-system-middle at {provider}": Report(
            provider,
            model,
            chat({"role": "system", "content": "s"}, USER, ECHO, REMINDER, USER),
            lambda body: "remember-me" in str(body),
        )
        for provider, model in DIALECTS.items()
    },
    **{
        f"in-exact at {provider}": Report(
            provider,
            model,
            chat(
                USER,
                temperature=0.7,
                tools=[{"type": "function", "function": {"name": "run", "parameters": EXACT}}],
            ),
            is_exact,
        )
        for provider, model in DIALECTS.items()
    },
    **{
        f"oa-metadata at {provider}": Report(
            provider,
            DIALECTS[provider],
            chat(USER, **OPENAIS_OWN),
            # Gemini has its own `store`, Mistral its own `prompt_cache_key`.
            lambda body: not {"verbosity", "user", "safety_identifier"} & body.keys(),
        )
        for provider in ("Anthropic", "Gemini", "Mistral")
    },
}


@pytest.mark.parametrize("name", REPORTS)
def test_what_was_refused_elsewhere_is_sent_as_its_provider_takes_it(name: str) -> None:
    """By the rule that the provider's documentation or its refusal states."""
    assert REPORTS[name].takes(sent(REPORTS[name]))


@pytest.mark.parametrize("provider", CLAUDES_AND_OTHERS)
def test_in_system_only(provider: str) -> None:
    """Providers that want a turn of the user are not asked, and the caller is told why."""
    request = chat({"role": "system", "content": "Write a haiku."})
    report = Report(provider, DIALECTS[provider], request, bool)
    with pytest.raises(InvalidRequest, match="needs at least one turn of the user"):
        sent(report)


def test_be_profile_arn() -> None:
    """An ARN is one step of the path: its slash and colons are escaped, as they are signed."""
    arn = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc123"
    path = request_of(Report("Bedrock", arn, chat(USER), bool)).path
    escaped = arn.replace(":", "%3A").replace("/", "%2F")
    assert path == f"/model/{escaped}/converse"


def test_the_rules_refuse_what_was_refused() -> None:
    """As it came; those of other dialects are of other words than the caller's."""
    codecs = {
        name: CATALOG.find(each.provider).endpoints["chat"].codec for name, each in REPORTS.items()
    }
    ours = [
        name
        for name, codec in codecs.items()
        if codec in {"openai_chat", "mistral_chat"} and not name.startswith(KEPT)
    ]
    assert len(ours) >= 12
    assert [name for name in ours if REPORTS[name].takes(REPORTS[name].request)] == []
