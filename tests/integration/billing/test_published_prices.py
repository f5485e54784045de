"""What providers publish that their models cost comes out to the cent, by what is shipped.

Each row has the page, and the day on which it was read, or quoted by whoever is named. Types whose
prices no page could be read for are listed with the reason: nothing else is without a row.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest
from tests.integration.billing.test_cost_reports import CATALOG, dollars, openai, shipped

from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_MILLISECOND,
    UNIT_CHARACTER,
    UNIT_IMAGE,
    UNIT_SESSION_MILLISECOND,
)
from conduit_providers.quantities import (
    AUDIO_INPUT,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    counted,
)

MILLION = 1_000_000
MINUTE, HOUR = 60_000, 3_600_000
CENT = Decimal("0.01")


class Published(NamedTuple):
    """So much of a unit costs so many dollars, as the provider publishes it."""

    provider_type: str
    model: str
    unit: int
    quantity: int
    expected: str
    # On which day it held; of prices that were announced, one from which on they do.
    at: date


class Source(NamedTuple):
    """A page, and how it was read."""

    page: str
    read: str
    prices: tuple[Published, ...]


def tokens(
    provider_type: str, at: date, prices: Iterable[tuple[str, int, str]], count: int = 100_000
) -> tuple[Published, ...]:
    """Return what so many tokens cost by the price of a million, by model and unit.

    Long prompts cost more, so by default fewer are asked about.
    """
    return tuple(
        Published(provider_type, model, unit, count, str(Decimal(usd) * count / MILLION), at)
        for model, unit, usd in prices
    )


MAY, SEPTEMBER, OCTOBER = date(2026, 5, 4), date(2026, 9, 20), date(2026, 10, 7)
NOVEMBER, JANUARY = date(2026, 11, 30), date(2027, 1, 2)
SOURCES = (
    Source(
        "https://platform.claude.com/docs/en/models/opus-5/overview, and .../opus-5-5/overview",
        "2026-11-30",
        tokens(
            "Anthropic",
            NOVEMBER,
            (
                ("claude-opus-5", INPUT, "5"),
                ("claude-opus-5", OUTPUT, "25"),
                ("claude-opus-5", CACHE_WRITE, "6.25"),
                ("claude-opus-5", CACHE_WRITE_1H, "10"),
                ("claude-opus-5", CACHED_INPUT, "0.50"),
                ("claude-opus-5-5", INPUT, "4"),
                ("claude-opus-5-5", OUTPUT, "20"),
                ("claude-fable-5", INPUT, "10"),
                ("claude-fable-5", OUTPUT, "50"),
                ("claude-sonnet-5", INPUT, "2"),
                ("claude-sonnet-5", OUTPUT, "10"),
                ("claude-haiku-4-5", INPUT, "1"),
                ("claude-haiku-4-5", OUTPUT, "5"),
            ),
        ),
    ),
    Source(
        "https://developers.openai.com/api/docs/pricing",
        "quoted by github.com/api-evangelist/openai, 2026-05-04",
        tokens(
            "OpenAI",
            MAY,
            (
                ("gpt-5.5", INPUT, "5.00"),
                ("gpt-5.5", CACHED_INPUT, "0.50"),
                ("gpt-5.5", OUTPUT, "30.00"),
                ("gpt-5.5-pro", INPUT, "30.00"),
                ("gpt-5.5-pro", OUTPUT, "180.00"),
                ("gpt-5.4", INPUT, "2.50"),
                ("gpt-5.4", CACHED_INPUT, "0.25"),
                ("gpt-5.4", OUTPUT, "15.00"),
                ("gpt-5.4-mini", INPUT, "0.75"),
                ("gpt-5.4-mini", CACHED_INPUT, "0.075"),
                ("gpt-5.4-mini", OUTPUT, "4.50"),
                ("gpt-5.4-nano", INPUT, "0.20"),
                ("gpt-5.4-nano", CACHED_INPUT, "0.02"),
                ("gpt-5.4-nano", OUTPUT, "1.25"),
                ("gpt-realtime-1.5", INPUT, "4.00"),
                ("gpt-realtime-1.5", CACHED_INPUT, "0.40"),
                ("gpt-realtime-1.5", OUTPUT, "16.00"),
            ),
        ),
    ),
    Source(
        "https://ai.google.dev/gemini-api/docs/pricing",
        "quoted by github.com/api-evangelist/gemini, 2026-09-20, with what holds from 2027 on",
        tokens(
            "Gemini",
            SEPTEMBER,
            (
                ("gemini-3.8-flash", INPUT, "0.75"),
                ("gemini-3.8-flash", OUTPUT, "3.75"),
                ("gemini-3.5-flash", INPUT, "1.50"),
                ("gemini-3.5-flash", OUTPUT, "9.00"),
                ("gemini-2.5-flash", INPUT, "0.30"),
                ("gemini-2.5-flash", AUDIO_INPUT, "1.00"),
                ("gemini-2.5-flash-lite", OUTPUT, "0.40"),
                ("gemini-embedding-2", INPUT, "0.20"),
                ("gemini-3.1-pro-preview", INPUT, "2.00"),
                ("gemini-3.1-pro-preview", OUTPUT, "12.00"),
                ("gemini-2.5-pro", INPUT, "1.25"),
            ),
        )
        + tokens(
            "Gemini",
            SEPTEMBER,
            (("gemini-3.1-pro-preview", INPUT, "4.00"), ("gemini-2.5-pro", INPUT, "2.50")),
            count=200_001,
        )
        + tokens(
            "Gemini",
            JANUARY,
            (("gemini-3.8-flash", INPUT, "1.50"), ("gemini-3.8-flash", OUTPUT, "7.50")),
        ),
    ),
    Source(
        "https://console.groq.com/docs/models",
        "quoted by braintrustdata/braintrust-proxy#566 and #925",
        tokens(
            "Groq",
            NOVEMBER,
            (("openai/gpt-oss-120b", INPUT, "0.15"), ("openai/gpt-oss-120b", OUTPUT, "0.60")),
        ),
    ),
    Source(
        "https://docs.together.ai/docs/serverless-models",
        "quoted by braintrustdata/braintrust-proxy#566",
        tokens(
            "Together",
            NOVEMBER,
            (("openai/gpt-oss-120b", INPUT, "0.15"), ("openai/gpt-oss-120b", OUTPUT, "0.60")),
        ),
    ),
    Source(
        "https://docs.x.ai/developers/models",
        "quoted by github.com/mandark-droid/genai_otel_instrument, release 1.2.2",
        tokens("xAI", NOVEMBER, (("grok-4.3", INPUT, "1.25"), ("grok-4.3", OUTPUT, "2.50"))),
    ),
    Source(
        "https://cohere.com/pricing",
        "told by developer.puter.com, June 2026",
        tokens(
            "Cohere",
            NOVEMBER,
            (
                ("command-r-08-2024", INPUT, "0.15"),
                ("command-r-08-2024", OUTPUT, "0.60"),
                ("command-r7b-12-2024", INPUT, "0.0375"),
                ("command-r7b-12-2024", OUTPUT, "0.15"),
            ),
        ),
    ),
    Source(
        "https://aws.amazon.com/bedrock/pricing/",
        "told by huggingface.co/spaces/Presidentlin/llm-pricing-calculator",
        tokens(
            "Bedrock",
            NOVEMBER,
            (
                ("amazon.nova-micro-v1:0", INPUT, "0.035"),
                ("amazon.nova-micro-v1:0", OUTPUT, "0.14"),
                ("amazon.nova-lite-v1:0", INPUT, "0.06"),
                ("amazon.nova-lite-v1:0", OUTPUT, "0.24"),
                ("amazon.nova-pro-v1:0", INPUT, "0.8"),
                ("us.amazon.nova-pro-v1:0", OUTPUT, "3.2"),
                ("amazon.nova-premier-v1:0", INPUT, "2.5"),
                ("amazon.nova-premier-v1:0", OUTPUT, "12.5"),
            ),
        ),
    ),
    Source(
        "https://docs.perplexity.ai/getting-started/pricing",
        "told by opencode.ai, and by skills.sh",
        tokens(
            "Perplexity",
            NOVEMBER,
            (
                ("sonar", INPUT, "1"),
                ("sonar", OUTPUT, "1"),
                ("sonar-pro", INPUT, "3"),
                ("sonar-pro", OUTPUT, "15"),
            ),
        ),
    ),
    Source(
        "https://aws.amazon.com/polly/pricing/",
        "quoted by github.com/api-evangelist/amazon-polly, 2026-10-07",
        tuple(
            Published("AWS", f"polly-{engine}", UNIT_CHARACTER, MILLION, usd, OCTOBER)
            for engine, usd in (
                ("standard", "4.00"),
                ("neural", "16.00"),
                ("long-form", "100.00"),
                ("generative", "30"),
            )
        ),
    ),
    Source(
        "https://deepgram.com/pricing",
        "seen by docs.flexprice.io, 2026-11-04; by github.com/hail-hq/hail, 2026-05-05",
        (
            Published(
                *("Deepgram", "flux-general-multi", UNIT_AUDIO_INPUT_MILLISECOND),
                *(1000 * MINUTE, "7.80", NOVEMBER),
            ),
            Published(
                *("Deepgram", "nova-3", UNIT_AUDIO_INPUT_MILLISECOND, 1000 * MINUTE, "4.30", MAY),
            ),
        ),
    ),
    Source(
        "https://replicate.com/pricing",
        "quoted by github.com/api-evangelist/replicate, 2026-10-07",
        (
            Published(
                "Replicate", "black-forest-labs/flux-1.1-pro", UNIT_IMAGE, 25, "1.00", OCTOBER
            ),
            Published("Replicate", "black-forest-labs/flux-dev", UNIT_IMAGE, 40, "1.00", OCTOBER),
        ),
    ),
    Source(
        "https://stability.ai/api-pricing-update-25, and developer.puter.com for the first two",
        "2025-08-01, June 2026",
        (
            Published("StabilityAI", "core", UNIT_IMAGE, 100, "3.00", NOVEMBER),
            Published("StabilityAI", "ultra", UNIT_IMAGE, 100, "8.00", NOVEMBER),
            Published("StabilityAI", "erase", UNIT_IMAGE, 100, "5.00", NOVEMBER),
        ),
    ),
    Source(
        "https://elevenlabs.io/pricing/api",
        "told by inference.sh, 2026-11-11, and muapi.ai",
        (
            Published("ElevenLabs", "eleven_flash_v2_5", UNIT_CHARACTER, 100_000, "4.00", NOVEMBER),
            Published("ElevenLabs", "eleven_v4", UNIT_CHARACTER, 100_000, "8.00", NOVEMBER),
        ),
    ),
    Source(
        "https://docs.ultravox.ai/changelog/news, "
        "https://developers.openai.com/api/docs/models/gpt-live-1.1",
        "2026-11-30",
        (
            Published(
                "Ultravox", "ultravox-v0.6", UNIT_SESSION_MILLISECOND, HOUR, "3.00", NOVEMBER
            ),
            Published("OpenAI", "gpt-live-1.1", UNIT_SESSION_MILLISECOND, HOUR, "3.00", NOVEMBER),
        ),
    ),
    Source(
        "https://api-docs.deepseek.com/quick_start/pricing-details-usd",
        "by day, in spring 2025",
        tokens(
            "DeepSeek",
            date(2025, 4, 1),
            (
                ("deepseek-chat", CACHED_INPUT, "0.07"),
                ("deepseek-chat", INPUT, "0.27"),
                ("deepseek-chat", OUTPUT, "1.10"),
                ("deepseek-reasoner", CACHED_INPUT, "0.14"),
                ("deepseek-reasoner", INPUT, "0.55"),
                ("deepseek-reasoner", OUTPUT, "2.19"),
            ),
        ),
    ),
    Source(
        "https://azure.microsoft.com/pricing/details/cognitive-services/openai-service/",
        "of global deployments, told by explore.oreate.ai and redresscompliance.com",
        tokens(
            "AzureOpenAI",
            NOVEMBER,
            (
                ("gpt-4.1", INPUT, "2.00"),
                ("gpt-4.1", CACHED_INPUT, "0.50"),
                ("gpt-4.1", OUTPUT, "8.00"),
                ("gpt-4.1-mini", INPUT, "0.40"),
                ("gpt-4.1-mini", CACHED_INPUT, "0.10"),
                ("gpt-4.1-mini", OUTPUT, "1.60"),
                ("gpt-4.1-nano", INPUT, "0.10"),
                ("gpt-4.1-nano", OUTPUT, "0.40"),
                ("gpt-4o", INPUT, "2.50"),
                ("gpt-4o", CACHED_INPUT, "1.25"),
                ("gpt-4o", OUTPUT, "10.00"),
                ("gpt-4o-mini", INPUT, "0.15"),
                ("gpt-4o-mini", CACHED_INPUT, "0.075"),
                ("gpt-4o-mini", OUTPUT, "0.60"),
            ),
        ),
    ),
    Source(
        "https://cloud.google.com/vertex-ai/generative-ai/pricing",
        "told by redresscompliance.com and deploybase.ai",
        tokens(
            "VertexAI",
            NOVEMBER,
            (
                ("gemini-2.5-pro", INPUT, "1.25"),
                ("gemini-2.5-pro", OUTPUT, "10.00"),
                ("gemini-2.5-flash", INPUT, "0.30"),
                ("gemini-2.5-flash", OUTPUT, "2.50"),
            ),
        )
        + tokens("VertexAI", NOVEMBER, (("gemini-2.5-pro", INPUT, "2.50"),), count=200_001),
    ),
    Source(
        "https://docs.perplexity.ai/docs/agent-api/models",
        "2026-12-01",
        tokens(
            "PerplexityAgent",
            NOVEMBER,
            (
                ("perplexity/sonar", INPUT, "0.25"),
                ("perplexity/sonar", CACHED_INPUT, "0.0625"),
                ("perplexity/sonar", OUTPUT, "2.50"),
            ),
        ),
    ),
    Source(
        "https://docs.fireworks.ai/serverless/pricing",
        "2026-12-01, as of spring 2026",
        tokens(
            "Fireworks",
            NOVEMBER,
            [
                (f"accounts/fireworks/models/{model}", unit, usd)
                for model, *prices in (
                    ("gpt-oss-120b", "0.15", "0.015", "0.60"),
                    ("gpt-oss-20b", "0.07", "0.035", "0.30"),
                    ("kimi-k2p6", "0.95", "0.16", "4.00"),
                    ("kimi-k2p5", "0.60", "0.10", "3.00"),
                    ("deepseek-v4-pro", "1.74", "0.145", "3.48"),
                    ("deepseek-v3p2", "0.56", "0.28", "1.68"),
                    ("glm-5p1", "1.40", "0.26", "4.40"),
                    ("minimax-m2p7", "0.30", "0.06", "1.20"),
                )
                for unit, usd in zip((INPUT, CACHED_INPUT, OUTPUT), prices, strict=True)
            ],
        ),
    ),
    Source(
        "https://mistral.ai/pricing",
        "quoted by braintrustdata/braintrust-proxy#802 and makingthematrix/signals3",
        tokens(
            "Mistral",
            NOVEMBER,
            (
                ("mistral-medium-latest", INPUT, "1.50"),
                ("mistral-medium-latest", OUTPUT, "7.50"),
                ("codestral-latest", INPUT, "0.30"),
                ("codestral-latest", OUTPUT, "0.90"),
            ),
        ),
    ),
    Source(
        "https://api.cerebras.ai/public/v1/models",
        "mirrored by harn-vm 0.8.113, 2026-06",
        tokens(
            "Cerebras",
            NOVEMBER,
            (("gpt-oss-120b", INPUT, "0.35"), ("gpt-oss-120b", OUTPUT, "0.75")),
        ),
    ),
    Source(
        "https://cloud.sambanova.ai/plans/pricing",
        "quoted by github.com/api-evangelist/sambanova-systems, 2026-10-07",
        tokens(
            "SambaNova",
            OCTOBER,
            (
                ("gpt-oss-120b", INPUT, "0.22"),
                ("gpt-oss-120b", OUTPUT, "0.59"),
                ("Meta-Llama-3.3-70B-Instruct", INPUT, "0.60"),
                ("Meta-Llama-3.3-70B-Instruct", OUTPUT, "1.20"),
                ("DeepSeek-V3.2", INPUT, "3"),
                ("DeepSeek-V3.2", OUTPUT, "4.50"),
            ),
        ),
    ),
    Source(
        "https://deepinfra.com/pricing",
        "quoted by huggingface.co/datasets/hundredthrun/gpu-cloud-prices, 2026-11-05",
        tokens(
            "DeepInfra",
            NOVEMBER,
            (
                ("meta-llama/Llama-3.3-70B-Instruct-Turbo", INPUT, "0.10"),
                ("meta-llama/Llama-3.3-70B-Instruct-Turbo", OUTPUT, "0.32"),
                ("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", INPUT, "0.02"),
            ),
        ),
    ),
)
PUBLISHED = [price for source in SOURCES for price in source.prices]
# No page of theirs could be read, nor a quotation of one that says where it is from. The first has
# prices of speech in the book, second-hand; what the other two cost is unpriced: it is what whoever
# stands behind the router takes, and by contract.
UNREAD = frozenset(("GoogleCloud", "HuggingFace", "NvidiaNIM"))
# They say themselves what a call cost, or are the operator's own, whose prices are rules.
TELLS_OR_OWN = frozenset(("OpenRouter", "Ollama", "OpenAICompatible", "Simulator", "vLLM"))


@pytest.mark.parametrize(
    "price", PUBLISHED, ids=lambda price: f"{price.model}-{price.unit}-{price.at}"
)
def test_models_cost_what_their_pages_say(price: Published) -> None:
    """To the cent, and of tokens exactly."""
    at = datetime(price.at.year, price.at.month, price.at.day, 12, tzinfo=UTC)
    used = counted(((price.unit, price.quantity),))
    cost = dollars(used, shipped(price.provider_type, price.model, at))
    if price.unit in {UNIT_AUDIO_INPUT_MILLISECOND, UNIT_SESSION_MILLISECOND}:
        # A minute's price has no whole nano-dollars for a million milliseconds.
        assert cost.quantize(CENT) == Decimal(price.expected)
    else:
        assert cost == Decimal(price.expected)


@pytest.mark.parametrize(
    "price", [each for each in SOURCES[0].prices if each.unit in {INPUT, OUTPUT}]
)
def test_batches_of_claudes_cost_half(price: Published) -> None:
    """What is read or written plainly, by the same pages."""
    batch = counted(((price.unit, price.quantity),), (("processing", "batch"),))
    assert dollars(batch, shipped("Anthropic", price.model)) == Decimal(price.expected) / 2


def test_a_worked_example_of_claudes_batches() -> None:
    """5,000 read and 800 written by Opus 5.5: $0.036, and $0.018 in a batch.

    By the prices of https://platform.claude.com/docs/en/build-with-claude/batch-processing, added
    up by https://dev.to/neverpaytwice/claude-batch-api-half-price-if-you-can-wait-ecg.
    """
    used = ((INPUT, 5_000), (OUTPUT, 800))
    sheet = shipped("Anthropic", "claude-opus-5-5")
    assert dollars(counted(used), sheet) == Decimal("0.036")
    assert dollars(counted(used, (("processing", "batch"),)), sheet) == Decimal("0.018")


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3.5-flash"])
def test_batches_of_gemini_cost_half_but_for_the_cache(model: str) -> None:
    """The page of prices has "50% cost reduction"; of the cache, see the multipliers."""
    sheet, batch = shipped("Gemini", model), (("processing", "batch"),)
    for unit, share in ((INPUT, 2), (OUTPUT, 2), (CACHED_INPUT, 1)):
        usual = dollars(counted(((unit, 100_000),)), sheet)
        assert dollars(counted(((unit, 100_000),), batch), sheet) == usual / share


def test_a_worked_example_of_gemini() -> None:
    """11,500 read, of which 10,000 from the cache: $0.001875 and $0.00125.

    https://discuss.ai.google.dev/t/question-about-gemini-api-caching-pricing/107349
    """
    used = counted(((INPUT, 1_500), (CACHED_INPUT, 10_000)))
    assert dollars(used, shipped("Gemini", "gemini-2.5-pro")) == Decimal("0.003125")


def test_a_worked_example_of_o1() -> None:
    """What is cached is among what was read: https://community.openai.com/t/1099176."""
    used = openai(
        prompt_tokens=3_000, completion_tokens=500, prompt_tokens_details={"cached_tokens": 1_000}
    )
    # 2,000 at $15, 1,000 at $7.50 and 500 at $60 a million.
    assert dollars(used, shipped("OpenAI", "o1")) == Decimal("0.0675")


def test_every_type_has_published_prices_or_a_reason() -> None:
    """So that a new provider is asked for its pages."""
    checked = {price.provider_type for price in PUBLISHED}
    assert not checked & (UNREAD | TELLS_OR_OWN)
    assert checked | UNREAD | TELLS_OR_OWN == {spec.name for spec in CATALOG.specs}
