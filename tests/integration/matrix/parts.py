"""The parts of the conversation, and the recorded case that each provider type has for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from tests.support.wire_cases import WireCase, cases

from conduit_providers.catalog import Catalog
from conduit_providers.spec import ProviderSpec

Json = dict[str, Any]
# The types of the seed that talk.
TYPES = (
    "OpenAI",
    "Anthropic",
    "AzureOpenAI",
    "Gemini",
    "VertexAI",
    "Bedrock",
    "Cohere",
    "Mistral",
    "Groq",
    "Ollama",
    "Replicate",
    "Fireworks",
    "HuggingFace",
    "OpenRouter",
    "Cerebras",
    "OpenAICompatible",
)
# What a type must claim to be asked for a part.
PARTS: Mapping[str, frozenset[str]] = {
    "plain": frozenset(),
    "tools": frozenset({"tools"}),
    "image": frozenset({"vision"}),
    "stream": frozenset({"stream"}),
    "stream_tools": frozenset({"stream", "tools"}),
}


class NoCase(Exception):
    """A type claims what no recorded case shows."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a provider answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, case: WireCase) -> "Received":
        """Return the answer of a case."""
        answer = case.answer
        return cls(answer.status, tuple(answer.headers.items()), answer.body)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a provider is sent: headers by their small names."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: object

    @classmethod
    def of(cls, case: WireCase) -> "Sent":
        """Return the request of a case; the path as it is below the host."""
        sent = case.sent
        return cls(sent.method, sent.path, sent.headers, orjson.loads(sent.body))


def image_urls(case: WireCase) -> list[str]:
    """Return the addresses of the pictures in a conversation."""
    contents = [message.get("content") for message in case.request["messages"]]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def finishes(result: Json) -> set[str]:
    """Return why the model stopped, over all choices."""
    answers = [result.get("answer", {}), *result.get("events", [])]
    choices = [choice for answer in answers for choice in answer.get("choices", [])]
    return {choice["finish_reason"] for choice in choices if choice.get("finish_reason")}


def shows(case: WireCase, part: str) -> bool:
    """Tell whether a case is a good answer to what a part of the conversation asks."""
    request, result = case.request, case.result
    if "error" in result or not request:
        return False
    has_tools = bool(request.get("tools"))
    finish = {"tool_calls"} if has_tools else {"stop"}
    kind: dict[str, Callable[[], bool]] = {
        "plain": lambda: not has_tools and not image_urls(case),
        "tools": lambda: has_tools,
        "image": lambda: not has_tools and bool(image_urls(case)),
        "stream": lambda: not has_tools and not image_urls(case),
        "stream_tools": lambda: has_tools,
    }
    is_stream = bool(request.get("stream"))
    return is_stream is part.startswith("stream") and kind[part]() and finishes(result) == finish


def find_case(provider_type: str, part: str) -> WireCase:
    """Return the case that shows a part: the one of its name, else the first. NoCase if none."""
    own = sorted(
        cases(f"{provider_type}/chat/*"), key=lambda case: (case.path.stem != part, case.name)
    )
    case = next((case for case in own if case.is_sent and shows(case, part)), None)
    if case is None:
        raise NoCase(f"{provider_type} has no case for {part!r}")
    return case


def missing_claims(spec: ProviderSpec, part: str) -> frozenset[str]:
    """Return what a type would have to claim to be asked for a part."""
    return PARTS[part] - spec.endpoints["chat"].capabilities


def local_base_path(catalog: Catalog, spec: ProviderSpec) -> str:
    """Return the path below which a type's own address has its API."""
    address = catalog.base_url(spec) or "https://llm.example.com/v1"
    return urlsplit(address).path.rstrip("/")
