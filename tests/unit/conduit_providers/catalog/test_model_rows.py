"""Facts about models: rows of the catalog, of which the first that fits holds."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec
import orjson
import pytest
from msgspec.structs import asdict, fields
from tests.support.wire_cases import cases

from conduit.v1.provider_pb2 import Provider
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.catalog.codec_types import Nothing, codec_types
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.anthropic.options import ChatModel as Claude
from conduit_providers.codecs.bedrock.options import ChatModel as OnBedrock
from conduit_providers.codecs.bedrock.options import EmbedModel as EmbedOnBedrock
from conduit_providers.codecs.deepgram.options import ConverseModel as LiveDeepgram
from conduit_providers.codecs.elevenlabs.options import ConverseModel as LiveElevenLabs
from conduit_providers.codecs.gemini.options import ChatModel as Gemini
from conduit_providers.codecs.gemini.options import SpeakModel as GeminiSpeech
from conduit_providers.codecs.googlecloud.options import ConverseModel as LiveGoogle
from conduit_providers.codecs.openai.options import ConverseModel as LiveOpenAI
from conduit_providers.codecs.openai.options import SpeakModel as OpenAISpeech
from conduit_providers.codecs.replicate.options import ChatModel as OnReplicate
from conduit_providers.codecs.replicate.options import ImageModel as PaintsOnReplicate
from conduit_providers.codecs.vertex.options import ChatModel as OnVertex
from conduit_providers.model_rows import (
    EVERY_MODEL,
    MAX_KNOWN_MODELS,
    EmbedModel,
    ModelMatch,
    ModelRow,
    ValueMap,
)
from conduit_providers.operations.chat import chat_request
from conduit_providers.spec import Endpoint

ROOT = Path(__file__).parents[4]
CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("match", "fitting"),
    [
        (EVERY_MODEL, {"a-1", "b-a-1", "a-1-b", "A-1"}),
        (ModelMatch(equals="a-1"), {"a-1"}),
        (ModelMatch(starts_with="a-1"), {"a-1", "a-1-b"}),
        (ModelMatch(ends_with="a-1"), {"a-1", "b-a-1"}),
        (ModelMatch(contains="a-1"), {"a-1", "b-a-1", "a-1-b"}),
        (ModelMatch(contains=("-b", "A")), {"a-1-b", "A-1"}),
        (ModelMatch(equals=("a", "a-1")), {"a-1"}),
    ],
)
def test_match_tells_models_by_their_names(match: ModelMatch, fitting: set[str]) -> None:
    """One text, or any of several; case counts."""
    names = ["a-1", "b-a-1", "a-1-b", "A-1"]
    assert {name for name in names if match.fits(name)} == fitting


def endpoint(*rows: ModelRow, value_maps: tuple[ValueMap, ...] = ()) -> Endpoint:
    """Return an endpoint with rows."""
    return Endpoint("openai_embed", "/x", models=rows, value_maps=value_maps)


def test_first_row_that_fits_holds_whole() -> None:
    """Rows do not add up: what the first does not say is the default."""
    one, other = EmbedModel(max_inputs=1), EmbedModel(max_inputs=2)
    found = endpoint(
        ModelRow(ModelMatch(starts_with="a-1"), facts=one), ModelRow(ModelMatch("a"), facts=other)
    )
    assert [found.facts_of(name) for name in ("a-1", "a", "b")] == [one, other, None]


def test_first_map_of_a_parameter_that_fits_holds() -> None:
    """Each parameter has one map, in the order of the file."""
    maps = (
        ValueMap("x", ModelMatch(contains="a"), exact={"1": "2"}),
        ValueMap("y", exact={"1": "3"}),
        ValueMap("x", exact={"1": "4"}),
    )
    found = endpoint(value_maps=maps)
    assert found.value_maps_of("a") == maps[:2]
    assert found.value_maps_of("b") == maps[1:]


def test_what_is_kept_of_models_is_bounded() -> None:
    """A caller who invents names of models fills no memory, and gets the same facts."""
    row = ModelRow(ModelMatch(ends_with="7"), facts=EmbedModel(max_inputs=7))
    found = endpoint(row, value_maps=(ValueMap("x", exact={"1": "2"}),))
    for number in range(2 * MAX_KNOWN_MODELS + 10):
        assert (found.facts_of(f"m-{number}") is row.facts) == (number % 10 == 7)
        assert found.value_maps_of(f"m-{number}") == found.value_maps
    assert len(found.known_facts) <= MAX_KNOWN_MODELS
    assert len(found.known_value_maps) <= MAX_KNOWN_MODELS


class Shipped(NamedTuple):
    """A row or a map of a shipped file."""

    kind: str
    operation: str
    endpoint: Endpoint
    place: int


ENDPOINTS = [
    (spec.name, operation, each)
    for spec in CATALOG.specs
    for operation, each in spec.endpoints.items()
]
# The last row is of the reader's making.
ROWS = [
    Shipped(kind, operation, each, place)
    for kind, operation, each in ENDPOINTS
    for place in range(len(each.models) - 1)
]
MAPS = [
    Shipped(kind, operation, each, place)
    for kind, operation, each in ENDPOINTS
    for place in range(len(each.value_maps))
]


def name_of(shipped: Shipped) -> str:
    """Return a name for the test report."""
    return f"{shipped.kind}.{shipped.operation}[{shipped.place}]"


def models_of(kind: str, operation: str) -> Iterator[str]:
    """Return the models that the wire cases of an endpoint call."""
    return (case.model for case in cases(f"{kind}/{operation}/*") if case.model)


# Of the families that no wire case calls, a model and what is known of it; and of some others, for
# which an earlier or a later row would hold too.
NEW_CLAUDE = OnBedrock(
    takes_schemas=True,
    takes_named_tools=True,
    caches_prompts=True,
    thinking="effort",
    takes_sampling=False,
)
FACTS: list[tuple[str, str, str, msgspec.Struct]] = [
    ("GoogleCloud", "converse", "chirp_3", LiveGoogle(detects_languages=True)),
    ("GoogleCloud", "converse", "chirp_2", LiveGoogle()),
    (
        "Deepgram",
        "converse",
        "flux-general-en",
        LiveDeepgram(is_flux=True, terms="keyterm", languages="language_hint"),
    ),
    (
        "Groq",
        "speak",
        "canopylabs/orpheus-arabic-saudi",
        OpenAISpeech(
            max_characters=200,
            events="never",
            voices=("abdullah", "aisha", "fahad", "lulwa", "noura", "sultan"),
        ),
    ),
    (
        "Gemini",
        "speak",
        "gemini-2.5-flash-preview-tts",
        GeminiSpeech(
            unit="token",
            voices=("Aoede", "Charon", "Fenrir", "Kore", "Leda", "Orus", "Puck", "Zephyr"),
            is_directed_in_text=True,
        ),
    ),
    ("Deepgram", "converse", "nova-3", LiveDeepgram(terms="keyterm", any_language="multi")),
    ("ElevenLabs", "converse", "scribe_v2_realtime", LiveElevenLabs(is_transcriber=True)),
    ("ElevenLabs", "converse", "agent_7101", LiveElevenLabs()),
    ("OpenAI", "converse", "gpt-4o-transcribe", LiveOpenAI(is_transcriber=True)),
    ("AzureOpenAI", "converse", "my-whisper", LiveOpenAI(is_transcriber=True)),
    ("Anthropic", "chat", "claude-3-5-haiku-20241022", Claude(takes_sampling=True)),
    ("Anthropic", "chat", "claude-3-7-sonnet", Claude(thinking="budget", takes_sampling=True)),
    (
        "Anthropic",
        "chat",
        "claude-opus-4-1-20250805",
        Claude(thinking="budget", takes_sampling=True),
    ),
    ("Anthropic", "chat", "claude-sonnet-4-0", Claude(thinking="budget", takes_sampling=True)),
    ("Anthropic", "chat", "claude-opus-4-5", Claude(thinking="budget", takes_sampling=True)),
    ("Anthropic", "chat", "claude-haiku-4-5", Claude(thinking="budget", takes_sampling=True)),
    ("Anthropic", "chat", "claude-sonnet-4-5", Claude(thinking="budget", takes_sampling=True)),
    ("Anthropic", "chat", "claude-mythos-preview", Claude(least_thinking="low")),
    ("Anthropic", "chat", "claude-mythos-5", Claude(least_thinking="low")),
    ("Anthropic", "chat", "claude-of-tomorrow", Claude()),
    (
        "Bedrock",
        "chat",
        "us.anthropic.claude-opus-4-1-20250805-v1:0",
        OnBedrock(takes_named_tools=True, caches_prompts=True, thinking="budget"),
    ),
    (
        "Bedrock",
        "chat",
        "anthropic.claude-haiku-4-6",
        OnBedrock(
            takes_schemas=True, takes_named_tools=True, caches_prompts=True, thinking="effort"
        ),
    ),
    (
        "Bedrock",
        "chat",
        "anthropic.claude-sonnet-5-5",
        msgspec.structs.replace(
            NEW_CLAUDE, least_thinking="between_tools", takes_forced_tools=False
        ),
    ),
    (
        "Bedrock",
        "chat",
        "anthropic.claude-fable-5",
        msgspec.structs.replace(NEW_CLAUDE, least_thinking="low"),
    ),
    ("Bedrock", "chat", "anthropic.claude-of-tomorrow", NEW_CLAUDE),
    ("Bedrock", "chat", "mistral.mistral-large-2402-v1:0", OnBedrock()),
    ("Bedrock", "chat", "mistral.mistral-large-3", OnBedrock(takes_schemas=True)),
    (
        "Bedrock",
        "chat",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
        OnBedrock(caches_prompts=True),
    ),
    ("Bedrock", "chat", "cohere.command-r-v1:0", OnBedrock(top_k=("k",))),
    ("Bedrock", "chat", "meta.llama4-scout", OnBedrock()),
    (
        "Bedrock",
        "embed",
        "amazon.titan-embed-image-v1",
        EmbedOnBedrock(
            maker="titan", max_inputs=1, dimensions=("embeddingConfig", "outputEmbeddingLength")
        ),
    ),
    ("Gemini", "chat", "gemini-2.0-flash", Gemini(thinking="none", takes_json_with_tools=False)),
    (
        "Gemini",
        "chat",
        "gemini-2.5-pro",
        Gemini(thinking="budget", can_stop_thinking=False, takes_json_with_tools=False),
    ),
    ("Gemini", "chat", "gemini-of-tomorrow", Gemini()),
    ("Replicate", "chat", "openai/gpt-oss-120b", OnReplicate()),
    (
        "Replicate",
        "chat",
        "openai/o4-mini",
        OnReplicate(
            limit="max_completion_tokens",
            images="image_input",
            takes_messages=True,
            stop="",
            parameters=("reasoning_effort",),
        ),
    ),
    (
        "Replicate",
        "image",
        "stability-ai/stable-diffusion-3.5-large",
        PaintsOnReplicate(max_images=1),
    ),
    (
        "Replicate",
        "image",
        "stability-ai/stable-diffusion-3",
        PaintsOnReplicate(max_images=1, parameters=("negative_prompt", "seed")),
    ),
    ("VertexAI", "chat", "gemini-1.5-pro", OnVertex(thinking="none", takes_json_with_tools=False)),
    (
        "VertexAI",
        "chat",
        "gemini-2.5-pro",
        OnVertex(thinking="budget", can_stop_thinking=False, takes_json_with_tools=False),
    ),
    (
        "VertexAI",
        "chat",
        "claude-sonnet-4-6",
        OnVertex(claude=Claude(takes_budget=True, knows_xhigh=False, takes_sampling=True)),
    ),
    ("VertexAI", "chat", "claude-3-5-haiku@20241022", OnVertex(claude=Claude(takes_sampling=True))),
    (
        "VertexAI",
        "chat",
        "claude-fable-5-1",
        OnVertex(claude=Claude(least_thinking="low", takes_forced_tools=False)),
    ),
    (
        "VertexAI",
        "chat",
        "claude-sonnet-5-5",
        OnVertex(claude=Claude(least_thinking="between_tools", takes_forced_tools=False)),
    ),
    ("VertexAI", "chat", "claude-fable-5", OnVertex(claude=Claude(least_thinking="low"))),
    ("VertexAI", "chat", "claude-of-tomorrow", OnVertex(claude=Claude())),
]


@pytest.mark.parametrize(("kind", "operation", "model", "facts"), FACTS)
def test_families_are_known_by_their_rows(
    kind: str, operation: str, model: str, facts: msgspec.Struct
) -> None:
    """What the catalog says of a model of each family."""
    assert CATALOG.find(kind).endpoints[operation].facts_of(model) == facts


# The same of value maps: an effort, and what goes out.
EFFORTS = [
    ("Cerebras", "llama-4", "max", "high"),
    ("Fireworks", "deepseek-v4", "minimal", "low"),
    ("Fireworks", "deepseek-v4", "max", "max"),
    ("Groq", "llama-4", "xhigh", "high"),
    ("NvidiaNIM", "openai/gpt-oss-120b", "none", "low"),
    ("SambaNova", "llama-4", "minimal", "low"),
    ("Together", "llama-4", "max", "high"),
    ("vLLM", "gpt-oss-20b", "none", "low"),
    ("xAI", "grok-4.3", "none", "none"),
    ("xAI", "grok-5", "none", "low"),
]


@pytest.mark.parametrize(("kind", "model", "value", "expected"), EFFORTS)
def test_efforts_go_out_as_the_family_knows_them(
    kind: str, model: str, value: str, expected: str
) -> None:
    """What the catalog's maps make of an effort."""
    provider = Provider(name="P", provider_type=kind, base_url="https://p.example")
    raw = orjson.dumps({"model": "alias", "messages": [], "reasoning_effort": value})
    call = Call(chat_request(json=raw), alias="alias", model=model)
    endpoint = CATALOG.find(kind).endpoints["chat"]
    sent = codec_named(endpoint.codec).to_upstream(call, endpoint, CATALOG.target(provider))
    assert orjson.loads(sent.body)["reasoning_effort"] == expected


# Families that no case is about, since they are gone.
RETIRED = {
    ("Bedrock", "image", "us.amazon.nova-canvas-v1:0"): date(2026, 9, 30),
    ("Bedrock", "image_edit", "amazon.nova-canvas-v1:0"): date(2026, 9, 30),
    ("Gemini", "image", "imagen-4.0-generate-001"): date(2026, 8, 17),
    ("VertexAI", "image", "imagen-4.0-generate-001"): date(2026, 6, 30),
    ("VertexAI", "image_edit", "imagen-3.0-capability-001"): date(2026, 6, 30),
    ("OpenAI", "image", "dall-e-2"): date(2026, 5, 12),
    ("OpenAI", "image", "dall-e-3"): date(2026, 5, 12),
    ("OpenAI", "image", "gpt-image-1"): date(2026, 10, 23),
    ("OpenAI", "image_edit", "dall-e-2"): date(2026, 5, 12),
    ("OpenAI", "image_edit", "gpt-image-1"): date(2026, 10, 23),
}


@pytest.mark.parametrize(("place", "day"), RETIRED.items())
def test_a_row_says_when_its_family_retired(place: tuple[str, str, str], day: date) -> None:
    """Its successors, whose names begin alike, are still there."""
    kind, operation, model = place
    rows = CATALOG.find(kind).endpoints[operation].models
    assert next(row for row in rows if row.match.fits(model)).retires_on == day
    assert next(row for row in rows if row.match.fits(f"{model}-mini")).retires_on is None


@pytest.mark.parametrize("shipped", ROWS, ids=name_of)
def test_each_row_is_reached(shipped: Shipped) -> None:
    """A wire case or a test above is about a model of its family: no earlier row hides it."""
    models = set(models_of(shipped.kind, shipped.operation))
    models |= {model for kind, operation, model, _ in FACTS if (kind, operation) == shipped[:2]}
    models |= {model for kind, operation, model in RETIRED if (kind, operation) == shipped[:2]}
    places = {
        next(place for place, row in enumerate(shipped.endpoint.models) if row.match.fits(model))
        for model in models
    }
    assert shipped.place in places


@pytest.mark.parametrize("shipped", MAPS, ids=name_of)
def test_each_map_is_reached(shipped: Shipped) -> None:
    """The same for value maps."""
    models = set(models_of(shipped.kind, shipped.operation))
    models |= {model for kind, model, _, _ in EFFORTS if kind == shipped.kind}
    values = shipped.endpoint.value_maps[shipped.place]
    assert any(values in shipped.endpoint.value_maps_of(model) for model in models)


SOURCES = "".join(
    file.read_text()
    for file in (ROOT / "services" / "conduit_providers").rglob("*.py")
    if file.name != "options.py"
)
TYPES = {
    kind
    for _, operation, each in ENDPOINTS
    for kind in codec_types(operation, each.codec)
    if kind is not Nothing
} | {Claude}


@pytest.mark.parametrize("kind", sorted(TYPES, key=str), ids=str)
def test_each_option_and_fact_has_a_default_and_is_read(kind: type[msgspec.Struct]) -> None:
    """What a file may say matters to a codec, and what it does not say is known."""
    # Where Vertex AI has the models of others, only it says.
    required = {"claude_path", "endpoint_path"}
    for each in fields(kind):
        assert f".{each.name}" in SOURCES
        assert each.required == (each.name in required)


@pytest.mark.parametrize("kind", sorted(TYPES, key=str), ids=str)
def test_each_fact_is_said_of_some_family(kind: type[msgspec.Struct]) -> None:
    """A fact that no shipped row tells from its default would be no fact.

    What several kinds have in common may be said by any of them.
    """
    facts = [
        each
        for _, _, endpoint in ENDPOINTS
        for row in endpoint.models
        for each in (row.facts, getattr(row.facts, "claude", None))
        if each is not None
    ]
    default = asdict(kind()) if any(isinstance(each, kind) for each in facts) else {}
    for name, value in default.items():
        first = next(each for each in reversed(kind.__mro__) if name in fields_of(each))
        assert any(getattr(each, name) != value for each in facts if isinstance(each, first))


def fields_of(kind: type) -> tuple[str, ...]:
    """Return the names of a struct's fields, none of what is no struct."""
    return tuple(each.name for each in fields(kind)) if issubclass(kind, msgspec.Struct) else ()


RETIRING = [
    (kind, row)
    for kind, _, endpoint in ENDPOINTS
    for row in endpoint.models
    if row.retires_on is not None
]
DOCUMENTATION = ROOT / "services/conduit_bridge/documentation/site"
NAMING = [
    file
    for place in ("README.md", "CONTRIBUTING.md", "docs", "deploy", "benchmarks", "services")
    for file in (ROOT / place, *(ROOT / place).rglob("*"))
    # What is fitted to which model is written there, until the last day of it.
    if file.name != "compatibility.md"
    if file.suffix in {".md", ".py", ".yaml", ".yml", ".env", ".json"}
    # What is made of these, where `make docs` was asked for it.
    if DOCUMENTATION not in file.parents
]


def test_no_default_or_example_names_a_model_that_retires() -> None:
    """Whoever follows a page, or changes no default, meets a model that answers."""
    assert RETIRING
    texts = {file: file.read_text() for file in NAMING}
    for _, row in RETIRING:
        for test in asdict(row.match).values():
            for name in (test,) if isinstance(test, str) else test:
                assert not [file for file, text in texts.items() if name in text]


@pytest.mark.parametrize(("kind", "row"), RETIRING, ids=str)
def test_day_of_retirement_is_a_date_and_no_fact(kind: str, row: ModelRow) -> None:
    """It changes nothing that a codec sees."""
    assert isinstance(row.retires_on, date)
    assert CATALOG.find(kind).endpoints["chat"].models[-1].retires_on is None
    assert not hasattr(row.facts, "retires_on")


@pytest.mark.parametrize(
    ("kind", "model", "is_renamed"),
    [
        ("OpenAI", "gpt-5.2", True),
        ("OpenAI", "gpt-6-luna", True),
        ("OpenAI", "gpt-6.2-astra", True),
        ("OpenAI", "ft:o4-mini-2025-04-16:acme::abc", True),
        ("OpenAI", "ft:gpt-5-mini-2025-08-07:acme::abc", True),
        ("OpenAI", "ft:gpt-4o-2024-08-06:acme::abc", False),
        ("OpenAI", "gpt-4.1", False),
        ("AzureOpenAI", "gpt-6-sol", True),
        ("AzureOpenAI", "gpt-4o", False),
    ],
)
def test_limit_has_the_name_that_reasoning_models_take(
    kind: str, model: str, *, is_renamed: bool
) -> None:
    """They refuse `max_tokens`; so do models that were tuned from them."""
    rules = CATALOG.find(kind).endpoints["chat"].rules_of(model)
    assert any("max_tokens" in rule.rename for rule in rules) == is_renamed
