"""The parts of the conversation, and the recorded case that each provider type has for each."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from tests.support.eventstream import framed

from conduit_providers.catalog import Catalog
from conduit_providers.spec import ProviderSpec

Json = dict[str, Any]
FRAMES = "application/vnd.amazon.eventstream"
WIRE = Path(__file__).parents[2] / "wire"
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
    def read(cls, case: Path) -> "Received":
        """Read `received.http`."""
        head, _, body = (case / "received.http").read_bytes().partition(b"\n\n")
        status, *lines = head.decode().splitlines()
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if headers.get("content-type") == FRAMES:
            body = framed(body)
        return cls(int(status.split()[1]), tuple(headers.items()), body)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a provider is sent: headers by their small names."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: object

    @classmethod
    def read(cls, case: Path) -> "Sent":
        """Read `sent.http`; the path as it is below the host."""
        head, _, body = (case / "sent.http").read_bytes().partition(b"\n\n")
        first, *lines = head.decode().splitlines()
        method, url = first.split(" ")
        address = urlsplit(url)
        query = f"?{address.query}" if address.query else ""
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return cls(method, address.path + query, headers, orjson.loads(body))


@dataclass(frozen=True, slots=True)
class Case:
    """A recorded chat."""

    folder: Path
    call: Json
    result: Json

    @classmethod
    def read(cls, folder: Path) -> "Case":
        """Read the call and its result."""
        call = orjson.loads((folder / "call.json").read_bytes())
        return cls(folder, call, orjson.loads((folder / "result.json").read_bytes()))

    @property
    def request(self) -> Json:
        """What the caller sends."""
        return dict(self.call.get("request", {}))

    @property
    def model(self) -> str:
        """The provider's name of the model."""
        return str(self.call["model"])

    @property
    def settings(self) -> Json:
        """What the instance says beyond its address."""
        return dict(self.call.get("settings", {}))

    @property
    def media(self) -> dict[str, tuple[str, bytes]]:
        """What is behind the URLs of the conversation: media type and content."""
        return {
            url: (kind, base64.b64decode(content))
            for url, (kind, content) in self.call.get("fetched", {}).items()
        }

    def image_urls(self) -> list[str]:
        """Return the addresses of the pictures."""
        contents = [message.get("content") for message in self.request["messages"]]
        parts = [part for content in contents if isinstance(content, list) for part in content]
        return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]

    def finishes(self) -> set[str]:
        """Return why the model stopped, over all choices."""
        answers = [self.result.get("answer", {}), *self.result.get("events", [])]
        choices = [choice for answer in answers for choice in answer.get("choices", [])]
        return {choice["finish_reason"] for choice in choices if choice.get("finish_reason")}


def shows(case: Case, part: str) -> bool:
    """Tell whether a case is a good answer to what a part of the conversation asks."""
    request, result = case.request, case.result
    if "error" in result or not request:
        return False
    has_tools = bool(request.get("tools"))
    finish = {"tool_calls"} if has_tools else {"stop"}
    kind: dict[str, Callable[[], bool]] = {
        "plain": lambda: not has_tools and not case.image_urls(),
        "tools": lambda: has_tools,
        "image": lambda: not has_tools and bool(case.image_urls()),
        "stream": lambda: not has_tools and not case.image_urls(),
        "stream_tools": lambda: has_tools,
    }
    is_stream = bool(request.get("stream"))
    return is_stream is part.startswith("stream") and kind[part]() and case.finishes() == finish


def find_case(provider_type: str, part: str) -> Case:
    """Return the case that shows a part: the one of its name, else the first. NoCase if none."""
    folders = [file.parent for file in (WIRE / provider_type / "chat").glob("*/sent.http")]
    folders.sort(key=lambda folder: (folder.name != part, folder.name))
    found = (case for case in map(Case.read, folders) if shows(case, part))
    case = next(found, None)
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
