"""The official SDKs' types as oracles of what the wire cases received.

A case whose `source` is `SDK types: PACKAGE VERSION NAME (composed)` is read by that very type:
what is required must be there, and a member that the type does not have must be listed here with
the place that shows it. `NAME at MEMBER` is the type of a member, or of its elements.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

import botocore.session
import pytest
from botocore.validate import ParamValidator
from pydantic import TypeAdapter
from tests.support.sdk_types import Received, strangers
from tests.support.wire_cases import WireCase, all_cases

SOURCE = re.compile(r"SDK types: (\S+) (\S+) (\S+?)(?: at (\w+))? \(composed\)")

# What OpenAI's types do not have, and nearly all the others do, by the one name or the other.
THOUGHTS_IN_CONTENT = {
    "choices.message.reasoning_content": "the documentation that the case is about",
    "choices.delta.reasoning_content": "the documentation that the case is about",
}
THOUGHTS = {
    "choices.message.reasoning": "the documentation that the case is about",
    "choices.delta.reasoning": "the documentation that the case is about",
}
# By type and member: where it is shown that the provider has it.
KNOWN: dict[str, dict[str, str]] = {
    "AzureOpenAI": dict.fromkeys(
        (
            "prompt_filter_results",
            "choices.content_filter_results",
            "capabilities",
            "lifecycle_status",
            "status",
            "task",
        ),
        "learn.microsoft.com/azure/foundry/openai/reference, 2024-10-21",
    ),
    "Cohere": {
        # The whole message, empty, begins a stream.
        f"delta.message.{name}": "docs.cohere.com/docs/streaming"
        for name in ("content", "tool_plan", "tool_calls", "citations")
    },
    "DeepInfra": {
        "usage.estimated_cost": "docs.deepinfra.com/quickstart",
        **THOUGHTS_IN_CONTENT,
    },
    "DeepSeek": {
        "usage.prompt_cache_hit_tokens": "api-docs.deepseek.com/guides/kv_cache",
        "usage.prompt_cache_miss_tokens": "api-docs.deepseek.com/guides/kv_cache",
        "choices.message.tool_calls.index": "as users report it",
        **THOUGHTS_IN_CONTENT,
    },
    "Fireworks": {
        # The SDK's union takes the older of its two forms first.
        "choices.logprobs.content": "fireworks-ai 1.2.28, its newer log probabilities",
        "choices.delta.tool_calls.index": "as OpenAI's, without which pieces have no place",
        **dict.fromkeys(
            ("supports_image_input", "supports_chat", "supports_tools", "kind", "context_length"),
            "docs.fireworks.ai/tools-sdks/openai-compatibility",
        ),
    },
    "Groq": {
        **dict.fromkeys(
            ("data.public_apps", "data.context_window", "data.active"),
            "console.groq.com/docs/api-reference#models-list",
        ),
        **dict.fromkeys(
            ("x_groq", "task", "language", "duration", "segments", "words"),
            "console.groq.com/docs/speech-to-text",
        ),
    },
    "HuggingFace": {
        "object": "text-generation-inference, router/src/lib.rs",
        "choices.logprobs.content.bytes": "as OpenAI's, which providers behind the router give",
        "providers": "huggingface.co/docs/inference-providers/hub-api",
    },
    "Mistral": {
        "usage.num_cached_tokens": "platform-docs-public, openapi.yaml",
        "usage.prompt_tokens_details": "platform-docs-public, openapi.yaml",
    },
    "NvidiaNIM": THOUGHTS_IN_CONTENT,
    "Ollama": dict.fromkeys(
        (
            "logprobs.bytes",
            "logprobs.top_logprobs.bytes",
            "message.tool_calls.id",
            "message.tool_calls.function.index",
            "models.name",
        ),
        "ollama, api/types.go",
    ),
    "OpenAI": {"task": "platform.openai.com/docs/api-reference/audio/verbose-json-object"},
    "OpenAICompatible": {
        "timings": "llama.cpp, tools/server",
        "task": "platform.openai.com/docs/api-reference/audio/verbose-json-object",
        **THOUGHTS_IN_CONTENT,
    },
    "OpenRouter": dict.fromkeys(
        ("choices.native_finish_reason", "provider", "choices.error"),
        "openrouter.ai/docs/api_reference/overview",
    ),
    "Perplexity": dict.fromkeys(
        (
            "search_results",
            "citations",
            "type",
            "status",
            "choices.delta",
            "choices.message",
            "usage.cost",
            "usage.search_context_size",
            "usage.reasoning_tokens",
            "usage.citation_tokens",
            "usage.num_search_queries",
        ),
        "perplexityai 0.46.1, types.StreamChunk",
    ),
    "SambaNova": {
        **{
            f"usage.{name}": "sambanova 1.13.0, types.chat.ChatCompletionResponse"
            for name in (
                "total_latency",
                "completion_tokens_after_first_per_sec",
                "time_to_first_token",
                "total_tokens_per_sec",
                "completion_tokens_per_sec",
                "stop_reason",
                "is_last_response",
                "end_time",
                "start_time",
            )
        },
        **dict.fromkeys(
            ("pricing", "context_length", "max_completion_tokens"),
            "sambanova 1.13.0, types.ModelsResponse",
        ),
        **THOUGHTS,
    },
    "Simulator": {
        "task": "platform.openai.com/docs/api-reference/audio/verbose-json-object",
        **THOUGHTS_IN_CONTENT,
    },
    "Together": {
        "choices.seed": "together 3.1.1, types.chat.ChatCompletion",
        "prompt": "together 3.1.1, types.chat.ChatCompletion",
        "choices.message.tool_calls.index": "together 3.1.1, types.ToolChoice",
        **THOUGHTS,
    },
    "vLLM": {
        **dict.fromkeys(
            (
                "prompt_logprobs",
                "kv_transfer_params",
                "choices.stop_reason",
                "id",
                "created",
                "usage.completion_tokens",
                "usage.prompt_tokens_details",
                "root",
                "parent",
                "permission",
                "max_model_len",
            ),
            "vllm, entrypoints/openai/engine/protocol.py and chat_completion/protocol.py",
        ),
        **THOUGHTS,
    },
    "xAI": {
        "usage.num_sources_used": "docs.x.ai/docs/api-reference, and as users report it",
        **THOUGHTS_IN_CONTENT,
    },
}


class Named(NamedTuple):
    """What a case's source names."""

    case: WireCase
    package: str
    version: str
    name: str
    member: str


def named() -> Iterator[Named]:
    """Yield the cases whose source is a type."""
    for case in all_cases():
        if found := SOURCE.fullmatch(case.source):
            package, told, name, member = found.groups()
            yield Named(case, package, told, name, member or "")


# No types of answers; test_received_forms.py reads them.
FORMS = {"replicate.exceptions.ReplicateError", "replicate.stream.ServerSentEvent"}
CASES = [each for each in named() if each.package != "botocore" and each.name not in FORMS]
AWS = [each for each in named() if each.package == "botocore"]


def id_of(named: Named) -> str:
    """Return a case's name for the test report."""
    return named.case.name


def parts(named: Named) -> list[Any]:
    """Return the parts of an answer that the source names the type of."""
    # Pings are documented, but the types of events leave them out.
    found = [part for part in Received(named.case).documents() if part != {"type": "ping"}]
    if named.member:
        # An error ends a stream of chunks, which have no such member.
        found = [document[named.member] for document in found if named.member in document]
    if found and named.member and isinstance(found[0], list):
        found = [each for document in found for each in document]
    return [without_base64(part) for part in found]


def without_base64(part: Any) -> Any:  # noqa: ANN401 # of any shape
    """Return vectors as numbers, which is how the SDKs hand them to their types."""
    if isinstance(part, dict) and isinstance(part.get("data"), list):
        for each in part["data"]:
            if isinstance(each, dict) and isinstance(each.get("embedding"), str):
                each["embedding"] = [0.0]
    return part


@cache
def type_named(name: str) -> Any:  # noqa: ANN401 # whatever the SDK has
    """Return an SDK's type by its full name."""
    module, _, cls = name.rpartition(".")
    return getattr(import_module(module), cls)


def read_as(name: str, part: Any) -> Any:  # noqa: ANN401 # both are the SDK's
    """Read a part as the SDK does. Raises what the SDK raises."""
    found = type_named(name)
    if hasattr(found, "model_fields") or not hasattr(found, "parse_obj"):
        return TypeAdapter(found).validate_python(part)
    return found.parse_obj(part)


def numbers(told: str) -> list[int]:
    """Return a version as numbers."""
    return [int(part) for part in told.split(".")]


@pytest.mark.parametrize("named", CASES, ids=id_of)
def test_the_answer_is_of_the_named_type(named: Named) -> None:
    """The SDK's type takes the answer, and has every member of it that is not listed here."""
    known = KNOWN.get(named.case.owner, {})
    told = parts(named)
    found = {name for part in told for name in strangers(part, read_as(named.name, part))}
    assert told
    assert found <= known.keys()
    assert numbers(version(named.package)) >= numbers(named.version)


@pytest.mark.parametrize("kind", KNOWN)
def test_every_listed_member_is_in_an_answer(kind: str) -> None:
    """A member that the types have come to know, or that no case has, is no longer listed."""
    found = {
        name
        for each in CASES
        if each.case.owner == kind
        for part in parts(each)
        for name in strangers(part, read_as(each.name, part))
    }
    assert found == set(KNOWN[kind])


@pytest.mark.parametrize("named", AWS, ids=id_of)
def test_the_answer_is_of_the_named_shape(named: Named) -> None:
    """AWS's own model of the service takes the answer, and has every member of it."""
    service, _, shape = named.name.partition(".")
    model = botocore.session.Session().get_service_model(service).shape_for(shape)
    for document in aws_documents(named.case):
        assert not ParamValidator().validate(document, model).generate_report()


def aws_documents(case: WireCase) -> Iterator[Any]:
    """Yield an answer's documents as the model has them: events by their name."""
    answer = Received(case)
    if not answer.is_stream:
        yield from answer.documents()
        return
    names = re.findall(rb"^event: (\w+)$", answer.body, re.MULTILINE)
    for name, data in zip(names, answer.documents(), strict=True):
        # Padding is of the framing.
        data.pop("p", None)
        yield {name.decode(): data}
