"""The shipped catalog."""

from datetime import UTC, datetime

import pytest

from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_MILLISECOND,
    UNIT_AUDIO_INPUT_TOKEN,
    UNIT_CACHE_WRITE_1H_TOKEN,
    UNIT_CACHE_WRITE_TOKEN,
    UNIT_CACHED_AUDIO_INPUT_TOKEN,
    UNIT_CACHED_INPUT_TOKEN,
    UNIT_CHARACTER,
    UNIT_CITATION_TOKEN,
    UNIT_IMAGE_INPUT_TOKEN,
    UNIT_INPUT_TOKEN,
    UNIT_OUTPUT_TOKEN,
    UNIT_REASONING_TOKEN,
    UNIT_REQUEST,
    UNIT_SESSION_MILLISECOND,
    UNIT_WEB_SEARCH,
)
from conduit_billing.money import PER, cost_of
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.rules import UNKNOWN
from conduit_providers.quantities import service_tier

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = {
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "Bedrock": "aws",
    "DeepSeek": "deepseek",
    "Gemini": "google",
    "VertexAI": "google",
    "Groq": "groq",
    "Perplexity": "perplexity",
    "PerplexityAgent": "perplexity",
}


@pytest.fixture(scope="module")
def catalog() -> PriceCatalog:
    """Return the catalog, for a few provider types."""
    return PriceCatalog(lambda provider_type: NAMES.get(provider_type, ""))


def test_prices_are_exact_to_the_nano_dollar(catalog: PriceCatalog) -> None:
    """GPT-4o costs 2.50, 1.25 and 10 dollars a million, which no float has touched."""
    prices = catalog.price("OpenAI", "gpt-4o", NOW).unit_prices
    assert prices[UNIT_INPUT_TOKEN] == 2_500_000_000
    assert prices[UNIT_CACHED_INPUT_TOKEN] == 1_250_000_000
    assert prices[UNIT_OUTPUT_TOKEN] == 10_000_000_000


def test_the_context_of_a_model_is_known_where_the_catalog_has_it(catalog: PriceCatalog) -> None:
    """And zero where it has not."""
    assert catalog.context_window("OpenAI", "gpt-4o") == 128_000
    assert catalog.context_window("OpenAI", "nothing") == 0
    assert catalog.context_window("Homemade", "gpt-4o") == 0


def test_a_kind_of_token_without_a_price_costs_what_the_plain_kind_costs(
    catalog: PriceCatalog,
) -> None:
    """GPT-4o has no price for writing to the cache, because that costs nothing extra."""
    prices = catalog.price("OpenAI", "gpt-4o", NOW).unit_prices
    assert prices[UNIT_CACHE_WRITE_TOKEN] == prices[UNIT_INPUT_TOKEN]
    assert prices[UNIT_AUDIO_INPUT_TOKEN] == prices[UNIT_INPUT_TOKEN]


def test_writing_to_the_cache_has_its_own_price_where_it_costs_more(catalog: PriceCatalog) -> None:
    """Anthropic takes a quarter more for it, and a tenth for reading it."""
    prices = catalog.price("Anthropic", "claude-sonnet-4-5", NOW).unit_prices
    assert prices[UNIT_CACHE_WRITE_TOKEN] * 4 == prices[UNIT_INPUT_TOKEN] * 5
    assert prices[UNIT_CACHED_INPUT_TOKEN] * 10 == prices[UNIT_INPUT_TOKEN]


@pytest.mark.parametrize(
    ("provider_type", "model", "nano_usd"),
    [
        ("Anthropic", "claude-sonnet-4-5", 6_000_000_000),
        ("Bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 6_600_000_000),
        ("VertexAI", "claude-sonnet-4-5@20250929", 6_000_000_000),
        # The catalog does not have its price of an hour.
        ("VertexAI", "claude-sonnet-4@20250514", 6_000_000_000),
    ],
)
def test_writing_to_the_cache_for_an_hour_costs_twice_the_plain_price(
    catalog: PriceCatalog, provider_type: str, model: str, nano_usd: int
) -> None:
    """Where the catalog says so, and where it says nothing: never the price of five minutes."""
    prices = catalog.price(provider_type, model, NOW).unit_prices
    assert prices[UNIT_CACHE_WRITE_1H_TOKEN] == 2 * prices[UNIT_INPUT_TOKEN] == nano_usd
    assert prices[UNIT_CACHE_WRITE_TOKEN] * 8 == nano_usd * 5


def test_a_long_request_has_the_price_of_its_tier(catalog: PriceCatalog) -> None:
    """Gemini 2.5 Pro and Claude Sonnet 4.5 cost more above 200,000 tokens, thoughts included."""
    sheet = catalog.price("Gemini", "gemini-2.5-pro", NOW).sheet
    assert sheet.at(200_000)[UNIT_INPUT_TOKEN] == 1_250_000_000
    assert sheet.at(200_001)[UNIT_INPUT_TOKEN] == 2_500_000_000
    assert sheet.at(200_001)[UNIT_REASONING_TOKEN] == sheet.at(200_001)[UNIT_OUTPUT_TOKEN]
    assert sheet.at(200_001)[UNIT_OUTPUT_TOKEN] == 15_000_000_000
    claude = catalog.price("Anthropic", "claude-sonnet-4-5", NOW).sheet
    assert claude.at(200_001)[UNIT_INPUT_TOKEN] == 6_000_000_000
    assert claude.at(200_001)[UNIT_CACHE_WRITE_1H_TOKEN] == 12_000_000_000


def test_answers_from_the_united_states_cost_a_tenth_more(catalog: PriceCatalog) -> None:
    """At Anthropic, all tokens: https://platform.claude.com/docs/en/about-claude/pricing."""
    sheet = catalog.price("Anthropic", "claude-opus-5", NOW).sheet
    there, fast = (("inference_geo", "us"),), ("speed", "fast")
    for unit in (UNIT_INPUT_TOKEN, UNIT_CACHED_INPUT_TOKEN, UNIT_CACHE_WRITE_1H_TOKEN):
        assert sheet.at(10, there)[unit] * 10 == sheet.at(10)[unit] * 11
        assert sheet.at(10, (*there, fast))[unit] * 10 == sheet.at(10, (fast,))[unit] * 11
    assert sheet.at(10, there)[UNIT_WEB_SEARCH] == sheet.at(10)[UNIT_WEB_SEARCH]
    assert sheet.at(10, (*there, ("service_tier", "priority"))) == {}


def test_flexible_answers_of_gemini_cost_half(catalog: PriceCatalog) -> None:
    """Whether the catalog has a price of it or not; what is more urgent has none there."""
    for model in ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview"):
        sheet = catalog.price("Gemini", model, NOW).sheet
        flexible = sheet.at(10, (("service_tier", "flex"),))
        assert flexible[UNIT_INPUT_TOKEN] * 2 == sheet.at(10)[UNIT_INPUT_TOKEN]
        assert flexible[UNIT_OUTPUT_TOKEN] * 2 == sheet.at(10)[UNIT_OUTPUT_TOKEN]


def test_service_tiers_have_prices_of_their_own(catalog: PriceCatalog) -> None:
    """GPT-5 costs half at flex and double at priority; a tier that nobody priced is unknown."""
    sheet = catalog.price("OpenAI", "gpt-5", NOW).sheet
    assert sheet.at(10)[UNIT_INPUT_TOKEN] == 1_250_000_000
    assert sheet.at(10, (("service_tier", "flex"),))[UNIT_INPUT_TOKEN] == 625_000_000
    assert sheet.at(10, (("service_tier", "priority"),))[UNIT_OUTPUT_TOKEN] == 20_000_000_000
    assert sheet.at(10, (("service_tier", "scale"),)) == {}
    before = catalog.price("OpenAI", "gpt-5", datetime(2026, 10, 1, tzinfo=UTC)).sheet
    assert before.at(10, (("service_tier", "flex"),)) == {}


@pytest.mark.parametrize(
    ("provider_type", "model", "condition"),
    [
        ("Anthropic", "claude-sonnet-4-5", ("service_tier", "priority")),
        ("Anthropic", "claude-opus-4-6", ("speed", "fast")),
        ("Bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", ("service_tier", "priority")),
        ("Bedrock", "openai.gpt-oss-120b-1:0", ("service_tier", "flex")),
        ("Bedrock", "us.amazon.nova-pro-v1:0", ("latency", "optimized")),
        ("Bedrock", "us.amazon.nova-pro-v1:0", ("processing", "batch")),
        ("Gemini", "gemini-2.5-pro", ("service_tier", "priority")),
        ("OpenAI", "gpt-4o", ("service_tier", "flex")),
        ("DeepSeek", "deepseek-v4-flash", ("service_tier", "priority")),
        ("Groq", "openai/gpt-oss-120b", ("service_tier", "performance")),
    ],
)
def test_what_was_served_otherwise_is_never_charged_as_usual(
    catalog: PriceCatalog, provider_type: str, model: str, condition: tuple[str, str]
) -> None:
    """Where the catalog has no price of it, none is known, though the usual one is."""
    sheet = catalog.price(provider_type, model, NOW).sheet
    assert sheet.at(10)[UNIT_INPUT_TOKEN]
    assert sheet.at(10, (condition,)) == {}
    assert sheet.at(10, (("quality", "high"),)) == sheet.at(10)


def test_a_batch_has_its_price_where_the_catalog_has_it(catalog: PriceCatalog) -> None:
    """Half of the usual one at Anthropic and Gemini, that of long requests, too."""
    for provider_type, model in (("Anthropic", "claude-sonnet-4-5"), ("Gemini", "gemini-2.5-pro")):
        sheet = catalog.price(provider_type, model, NOW).sheet
        for read in (10, 200_001):
            batch = sheet.at(read, service_tier("batch"))
            assert batch[UNIT_INPUT_TOKEN] * 2 == sheet.at(read)[UNIT_INPUT_TOKEN]
            assert batch[UNIT_OUTPUT_TOKEN] * 2 == sheet.at(read)[UNIT_OUTPUT_TOKEN]


def test_a_tier_that_costs_as_much_is_charged_so(catalog: PriceCatalog) -> None:
    """Flex is a matter of limits at Groq: https://console.groq.com/docs/flex-processing."""
    sheet = catalog.price("Groq", "openai/gpt-oss-120b", NOW).sheet
    assert sheet.at(10, (("service_tier", "flex"),)) == sheet.at(10)


def test_long_requests_at_bedrock_have_the_price_of_their_tier(catalog: PriceCatalog) -> None:
    """Claude Haiku 5.5's, by a profile of a region and by one of the world."""
    for profile in ("us", "global"):
        sheet = catalog.price("Bedrock", f"{profile}.anthropic.claude-haiku-5-5", NOW).sheet
        (tier,) = sheet.tiers
        start = tier.above_input_tokens
        assert sheet.at(start + 1)[UNIT_INPUT_TOKEN] > sheet.at(start)[UNIT_INPUT_TOKEN]
        assert sheet.at(start + 1)[UNIT_OUTPUT_TOKEN] > sheet.at(start)[UNIT_OUTPUT_TOKEN]


def test_what_providers_do_beside_is_priced(catalog: PriceCatalog) -> None:
    """A search of Claude's is a cent; Perplexity's are in the fee, but for deep research."""
    claude = catalog.price("Anthropic", "claude-opus-4-5", NOW).unit_prices
    assert claude[UNIT_WEB_SEARCH] == 10_000_000 * PER
    sonar = catalog.price("Perplexity", "sonar-pro", NOW).unit_prices
    assert (sonar[UNIT_WEB_SEARCH], sonar[UNIT_REQUEST]) == (0, 14_000_000 * PER)
    agent = catalog.price("PerplexityAgent", "perplexity/sonar", NOW).unit_prices
    assert (agent[UNIT_WEB_SEARCH], agent[UNIT_REQUEST]) == (2_500_000 * PER, 0)
    deep = catalog.price("Perplexity", "sonar-deep-research", NOW).unit_prices
    assert deep[UNIT_REASONING_TOKEN] == 3_000_000_000
    assert deep[UNIT_CITATION_TOKEN] == 2_000_000_000
    assert deep[UNIT_WEB_SEARCH] == 5_000_000 * PER


def test_kinds_of_content_have_prices_of_their_own(catalog: PriceCatalog) -> None:
    """Sound costs Gemini Flash more than text, cached or not; pictures cost as the text."""
    prices = catalog.price("Gemini", "gemini-2.5-flash", NOW).unit_prices
    assert prices[UNIT_AUDIO_INPUT_TOKEN] > prices[UNIT_INPUT_TOKEN]
    assert prices[UNIT_CACHED_AUDIO_INPUT_TOKEN] > prices[UNIT_CACHED_INPUT_TOKEN]
    assert prices[UNIT_IMAGE_INPUT_TOKEN] == prices[UNIT_INPUT_TOKEN]


def test_seconds_and_characters_are_priced(catalog: PriceCatalog) -> None:
    """An hour of whisper-1 costs 0.36 dollars, a million characters of tts-1 cost 15."""
    whisper = catalog.price("OpenAI", "whisper-1", NOW).unit_prices
    assert cost_of([(3_600_000, whisper[UNIT_AUDIO_INPUT_MILLISECOND])]) == 360_000_000
    assert UNIT_INPUT_TOKEN not in whisper
    speech = catalog.price("OpenAI", "tts-1", NOW).unit_prices
    assert cost_of([(1_000_000, speech[UNIT_CHARACTER])]) == 15_000_000_000


def test_a_live_session_is_priced_by_its_length(catalog: PriceCatalog) -> None:
    """GPT-Live costs 3 dollars an hour, whoever speaks."""
    prices = catalog.price("OpenAI", "gpt-live-1", NOW).unit_prices
    assert cost_of([(3_600_000, prices[UNIT_SESSION_MILLISECOND])]) == 2_999_999_999


def test_prices_follow_the_time_of_day(catalog: PriceCatalog) -> None:
    """What was read once is read anew when other prices hold."""
    times = [datetime(2025, 7, 1, hour, tzinfo=UTC) for hour in range(24)]
    prices = [catalog.price("DeepSeek", "deepseek-chat", at).unit_prices for at in times]
    assert len({each[UNIT_INPUT_TOKEN] for each in prices}) == 2


@pytest.mark.parametrize(
    ("provider_type", "model"),
    [("OpenAI", "no-such-model"), ("Homemade", "gpt-4o"), ("OpenAI", ""), ("", "gpt-4o")],
)
def test_what_the_catalog_does_not_know_is_unknown(
    catalog: PriceCatalog, provider_type: str, model: str
) -> None:
    """No price and no version, however often it is asked for."""
    for _ in range(2):
        assert catalog.price(provider_type, model, NOW) == UNKNOWN


def test_many_made_up_names_do_not_fill_the_memory(catalog: PriceCatalog) -> None:
    """What is kept of names has a bound, and known ones are still found after it is reached."""
    for number in range(25_000):
        catalog.price("Homemade", f"model-{number}", NOW)
    assert catalog.price("OpenAI", "gpt-4o", NOW) != UNKNOWN
