"""What providers' own answers say of what was used."""

import json
from typing import Any

import msgspec
import pytest
from tests.support.native_upstream import (
    CHAT,
    COHERE,
    COHERE_EVENTS,
    CONTENT,
    CONVERSED,
    EMBEDDINGS,
    MESSAGE,
    MESSAGE_EVENTS,
    RESPONSE,
    RESPONSE_EVENTS,
)

from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.shared.sse import events_in
from conduit_providers.passthrough.usage import READERS, UsageReader
from conduit_providers.quantities import INPUT, OUTPUT, Quantities, plain

Json = dict[str, Any]
USED = plain(11, 7)


def _reader(usage: str, provider: str = "OpenAI", operation: str = "chat") -> UsageReader:
    endpoint = load_catalog().find(provider).endpoints[operation]
    return READERS[usage](endpoint, "native-1")


@pytest.mark.parametrize(
    ("usage", "provider", "answer"),
    [
        ("openai", "OpenAI", CHAT),
        ("openai_response", "OpenAI", RESPONSE),
        ("anthropic", "Anthropic", MESSAGE),
        ("gemini", "Gemini", CONTENT),
        ("cohere", "Cohere", COHERE),
        ("bedrock", "Bedrock", CONVERSED),
    ],
)
def test_whole_answers_are_counted(usage: str, provider: str, answer: Json) -> None:
    """Where each dialect has its counts."""
    reader = _reader(usage, provider)
    assert reader.usage is None
    reader.take(json.dumps(answer).encode())
    assert reader.usage == USED


@pytest.mark.parametrize(
    ("usage", "provider", "events"),
    [
        ("openai_response", "OpenAI", RESPONSE_EVENTS),
        ("anthropic", "Anthropic", MESSAGE_EVENTS),
        ("cohere", "Cohere", COHERE_EVENTS),
    ],
)
def test_events_are_counted(usage: str, provider: str, events: bytes) -> None:
    """Those that come last are the whole, and what earlier ones said stays."""
    reader = _reader(usage, provider)
    for event in events_in(events):
        reader.take(event.data)
    assert reader.usage == USED


def test_vectors_are_counted() -> None:
    """Nothing is written."""
    reader = _reader("openai", operation="embed")
    reader.take(json.dumps(EMBEDDINGS).encode())
    assert reader.usage is not None
    assert (reader.usage.count(INPUT), reader.usage.count(OUTPUT)) == (11, 0)


def test_what_is_free_is_nothing_from_the_start() -> None:
    """Also where its answer says no word of it."""
    assert _reader("free").usage == Quantities()


@pytest.mark.parametrize("usage", sorted(READERS.keys() - {"free"}))
@pytest.mark.parametrize("said", [b"{}", b'{"usage": null}', b'{"usageMetadata": null}'])
def test_answers_without_counts_have_none(usage: str, said: bytes) -> None:
    """They are estimated by who asked."""
    reader = _reader(usage)
    reader.take(said)
    assert reader.usage is None


@pytest.mark.parametrize("usage", sorted(READERS.keys() - {"free"}))
def test_nonsense_is_none(usage: str) -> None:
    """And what was counted before it stays."""
    reader = _reader(usage)
    with pytest.raises(msgspec.DecodeError):
        reader.take(b"<html>")
    assert reader.usage is None


def test_counts_are_where_the_catalog_has_them() -> None:
    """DeepSeek's cache is beside the usual counts."""
    reader = _reader("openai", "DeepSeek")
    reader.take(
        b'{"usage": {"prompt_tokens": 11, "completion_tokens": 7, "prompt_cache_hit_tokens": 4}}'
    )
    assert reader.usage is not None
    assert reader.usage.count(INPUT) == 7


def test_what_served_a_conversation_decides_its_price() -> None:
    """As where it is translated: the tier, and the latency."""
    reader = _reader("bedrock", "Bedrock")
    served = {"serviceTier": {"type": "flex"}, "performanceConfig": {"latency": "optimized"}}
    reader.take(json.dumps(CONVERSED | served).encode())
    assert reader.usage is not None
    assert reader.usage != USED
