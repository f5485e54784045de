"""Values that providers do not know, and calls that are too large for one request."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UnsupportedParameter
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.openai.options import ChatOptions
from conduit_providers.model_rows import ModelMatch, ValueMap
from conduit_providers.operations.chat import chat_request
from conduit_providers.operations.embed import (
    EmbedAnswer,
    EmbedCall,
    embed_answer,
    embedding_request,
    join_embeddings,
    split_embedding,
)
from conduit_providers.quantities import CACHED_INPUT, INPUT, Quantities, counted, plain, total
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target

Json = dict[str, Any]
CATALOG = load_catalog()
EFFORT = "reasoning_effort"
ENDPOINT = Endpoint(
    codec="openai_chat",
    path="/chat",
    options=ChatOptions(),
    value_maps=(
        ValueMap(EFFORT, ModelMatch(contains="old"), closest={"*": ""}),
        ValueMap(
            EFFORT,
            ModelMatch(contains="toggle"),
            replace={"none": {"thinking": {"type": "off"}}},
        ),
        ValueMap(EFFORT, exact={"minimal": "low"}, closest={"none": "low"}),
    ),
)
TARGET = Target(provider_name="P", provider_type="T", base_url="https://p.example")


def sent(model: str, *, is_strict: bool = False, **members: object) -> tuple[Json, list[str]]:
    """Return the body of a chat, and what was dropped."""
    raw = orjson.dumps({"model": "alias", "messages": [], **members})
    call = Call(chat_request(json=raw), alias="alias", model=model, is_strict=is_strict)
    made = codec_named("openai_chat").to_upstream(call, ENDPOINT, TARGET)
    body: Json = orjson.loads(made.body)
    return {k: v for k, v in body.items() if k not in {"model", "messages"}}, call.dropped


@pytest.mark.parametrize(
    ("model", "value", "expected", "dropped"),
    [
        ("new", "minimal", {EFFORT: "low"}, []),
        ("new", "none", {EFFORT: "low"}, [EFFORT]),
        ("new", "high", {EFFORT: "high"}, []),
        ("new", "brand-new", {EFFORT: "brand-new"}, []),
        ("old", "high", {}, [EFFORT]),
        ("toggle", "none", {"thinking": {"type": "off"}}, []),
        ("toggle", "minimal", {EFFORT: "minimal"}, []),
        ("old-toggle", "none", {}, [EFFORT]),
    ],
)
def test_a_value_is_sent_as_the_model_knows_it(
    model: str, value: str, expected: Json, dropped: list[str]
) -> None:
    """The first entry that fits the model holds; only what loses something is told."""
    assert sent(model, reasoning_effort=value) == (expected, dropped)


def test_an_inexact_value_is_refused_to_strict_callers() -> None:
    """An exact value is no loss; the closest one is."""
    assert sent("new", is_strict=True, reasoning_effort="minimal") == ({EFFORT: "low"}, [])
    with pytest.raises(UnsupportedParameter, match=EFFORT):
        sent("new", is_strict=True, reasoning_effort="none")


def test_members_of_the_caller_go_before_those_that_replace_a_value() -> None:
    """Who says both in OpenAI's words and in the provider's, means the provider's."""
    own = {"type": "auto"}
    assert sent("toggle", reasoning_effort="none", thinking=own)[0] == {"thinking": own}


def test_chats_without_the_parameter_pass_as_bytes() -> None:
    """A body is taken apart only where there may be a value that is not known."""
    raw = b'{"model": "alias",  "messages": [], "seed": 7}'
    maps = (ValueMap(EFFORT, exact={"minimal": "low"}),)
    endpoint = Endpoint("openai_chat", "/chat", options=ChatOptions(), value_maps=maps)
    call = Call(chat_request(json=raw), alias="alias", model="m")
    made = codec_named("openai_chat").to_upstream(call, endpoint, TARGET)
    assert made.body == raw.replace(b'"model": "alias"', b'"model":"m"')


def embed(model: str, count: int, **members: object) -> EmbedCall:
    """Return a call with so many texts."""
    texts = [str(number) for number in range(count)]
    raw = orjson.dumps({"model": "alias", "input": texts, **members})
    return Call(embedding_request(json=raw), alias="alias", model=model)


@pytest.mark.parametrize(
    ("kind", "model", "count", "sizes"),
    [
        ("Bedrock", "amazon.titan-embed-text-v2:0", 3, [1, 1, 1]),
        ("Bedrock", "us.cohere.embed-v4:0", 97, [96, 1]),
        ("Bedrock", "us.cohere.embed-v4:0", 96, [96]),
        ("Cohere", "embed-v4.0", 200, [96, 96, 8]),
        ("Gemini", "gemini-embedding-001", 101, [100, 1]),
        ("VertexAI", "text-embedding-005", 251, [250, 1]),
        ("HuggingFace", "BAAI/bge-small", 33, [32, 1]),
        ("OpenAI", "text-embedding-3-small", 2048, [2048]),
        ("OpenAI", "text-embedding-3-small", 2049, [2048, 1]),
        ("AzureOpenAI", "my-deployment", 2049, [2048, 1]),
    ],
)
def test_calls_are_split_at_what_a_provider_takes(
    kind: str, model: str, count: int, sizes: list[int]
) -> None:
    """Each part has as many inputs as are taken, in order, and all that the call says besides."""
    call = embed(model, count, dimensions=7)
    parts = split_embedding(call, CATALOG.find(kind).endpoints["embed"])
    assert [len(part.typed.input) for part in parts] == sizes
    assert [each.text for part in parts for each in part.typed.input] == list(
        map(str, range(count))
    )
    assert {part.typed.dimensions for part in parts} == {7}
    assert (parts[0] is call) == (len(sizes) == 1)


def answer(numbers: list[int], usage: Quantities | None) -> EmbedAnswer:
    """Return vectors."""
    data = [{"object": "embedding", "index": i, "embedding": [n]} for i, n in enumerate(numbers)]
    counts = {"prompt_tokens": len(data), "total_tokens": len(data)}
    raw = {"object": "list", "data": data, "model": "m", "usage": counts}
    return embed_answer(usage=usage, json=orjson.dumps(raw))


def test_answers_are_joined_in_order() -> None:
    """Indexes run on, counts are summed, and an unknown part makes the sum unknown."""
    cached = counted([(INPUT, 1), (CACHED_INPUT, 1)])
    parts = [answer([1, 2], cached), answer([3], plain(5))]
    joined = join_embeddings(parts)
    body = orjson.loads(joined.json)
    assert [(each["index"], each["embedding"]) for each in body["data"]] == [
        (0, [1]),
        (1, [2]),
        (2, [3]),
    ]
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert joined.usage == counted([(INPUT, 6), (CACHED_INPUT, 1)])
    assert join_embeddings([parts[0], answer([3], None)]).usage is None
    assert join_embeddings(parts[:1]) is parts[0]
    assert total([]) == Quantities()
