"""The price book."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_MILLISECOND,
    UNIT_CHARACTER,
    UNIT_IMAGE,
    UNIT_SESSION_MILLISECOND,
)
from conduit_billing.money import cost_of
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.price_book import PriceBook, PriceRow
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.pricing.rules import UNKNOWN
from conduit_providers.catalog import load_catalog
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, REASONING, REQUEST

BOOK = PriceBook()
ROWS = [(name, row) for name, rows in BOOK.rows.items() for row in rows]
MINUTE = 60_000
CENT = 10_000_000
# When the book was last gone through; nobody has seen what comes later.
WRITTEN_ON = date(2026, 11, 30)


def cost(provider_type: str, model: str, unit: int, count: int, **qualifiers: str) -> int | None:
    """Return what a call costs by the book, in nano-dollars."""
    sheet = BOOK.price(provider_type, model).sheet
    prices = sheet.at(0, tuple(sorted(qualifiers.items())))
    return cost_of([(count, prices.get(unit)), (1, prices.get(REQUEST))])


@pytest.mark.parametrize(
    ("provider_type", "model", "unit", "count", "dollars"),
    [
        ("AWS", "polly-neural", UNIT_CHARACTER, 1_000_000, "16"),
        ("AWS", "transcribe", UNIT_AUDIO_INPUT_MILLISECOND, MINUTE, "0.024"),
        ("Bedrock", "us.stability.stable-image-inpaint-v1:0", UNIT_IMAGE, 3, "0.21"),
        ("DeepInfra", "meta-llama/Llama-3.3-70B-Instruct-Turbo", OUTPUT, 1_000_000, "0.32"),
        ("DeepInfra", "meta-llama/Llama-3.3-70B-Instruct-Turbo", REASONING, 1_000_000, "0.32"),
        ("SambaNova", "gpt-oss-120b", INPUT, 1_000_000, "0.22"),
        # Nothing else is said of what is read from a cache, or something is.
        ("SambaNova", "gpt-oss-120b", CACHED_INPUT, 1_000_000, "0.22"),
        ("SambaNova", "MiniMax-M3", CACHED_INPUT, 1_000_000, "0.06"),
        ("Deepgram", "aura-2-thalia-en", UNIT_CHARACTER, 1000, "0.03"),
        ("Deepgram", "aura-asteria-en", UNIT_CHARACTER, 1000, "0.015"),
        ("Deepgram", "nova-3", UNIT_AUDIO_INPUT_MILLISECOND, 10 * MINUTE, "0.043"),
        ("ElevenLabs", "eleven_flash_v2_5", UNIT_CHARACTER, 1000, "0.04"),
        ("ElevenLabs", "scribe_v2", UNIT_AUDIO_INPUT_MILLISECOND, 60 * MINUTE, "0.22"),
        ("ElevenLabs", "scribe_v2_realtime", UNIT_AUDIO_INPUT_MILLISECOND, 60 * MINUTE, "0.39"),
        ("GoogleCloud", "en-US-Chirp3-HD-Kore", UNIT_CHARACTER, 1_000_000, "30"),
        ("GoogleCloud", "chirp_3", UNIT_AUDIO_INPUT_MILLISECOND, 5 * MINUTE, "0.08"),
        ("OpenAI", "gpt-live-1.1", UNIT_SESSION_MILLISECOND, 90_000, "0.075"),
        ("Replicate", "black-forest-labs/flux-schnell", UNIT_IMAGE, 1000, "3"),
        ("StabilityAI", "inpaint", UNIT_IMAGE, 1, "0.05"),
        ("StabilityAI", "stable-image-control-style", UNIT_IMAGE, 4, "0.2"),
        ("StabilityAI", "sd3.5-large", UNIT_IMAGE, 2, "0.13"),
        ("Ultravox", "ultravox-v0.7", UNIT_SESSION_MILLISECOND, 3 * MINUTE, "0.15"),
    ],
)
def test_a_call_costs_what_the_page_says(
    provider_type: str, model: str, unit: int, count: int, dollars: str
) -> None:
    """Minutes, hours, thousands and millions come to the price of a unit, to the nano-dollar."""
    found = cost(provider_type, model, unit, count)
    assert found is not None
    assert abs(found - Decimal(dollars) * 1_000_000_000) <= 1


@pytest.mark.parametrize(
    ("qualifiers", "dollars"),
    [
        ({}, "0.0043"),
        ({"diarize": "true"}, "0.0063"),
        ({"language": "multi"}, "0.0052"),
        ({"diarize": "true", "language": "multi"}, "0.0072"),
        ({"mode": "live"}, "0.0048"),
        ({"mode": "live", "language": "multi"}, "0.0058"),
        ({"mode": "live", "keyterms": "true"}, "0.0061"),
        ({"mode": "live", "language": "multi", "keyterms": "true"}, "0.0071"),
    ],
)
def test_sound_costs_what_is_done_with_it(qualifiers: dict[str, str], dollars: str) -> None:
    """A minute of Nova 3: live, with speakers told apart, with key terms, in several languages."""
    found = cost("Deepgram", "nova-3", UNIT_AUDIO_INPUT_MILLISECOND, MINUTE, **qualifiers)
    assert found == Decimal(dollars) * 1_000_000_000


@pytest.mark.parametrize(
    ("provider_type", "model", "qualifiers"),
    [
        ("Deepgram", "nova-3", {"keyterms": "true"}),
        ("Deepgram", "nova-2", {"mode": "live"}),
        ("ElevenLabs", "scribe_v2", {"keyterms": "true"}),
        ("ElevenLabs", "scribe_v3", {}),
        ("Deepgram", "nova-3-medical", {}),
        ("AWS", "my-language-model", {}),
    ],
)
def test_what_nobody_says_the_price_of_is_unknown(
    provider_type: str, model: str, qualifiers: dict[str, str]
) -> None:
    """Neither zero nor the usual price: there is none."""
    assert cost(provider_type, model, UNIT_AUDIO_INPUT_MILLISECOND, MINUTE, **qualifiers) is None


def test_what_the_book_has_no_row_for_is_unknown() -> None:
    """A model, or a provider type, and what a model is not charged for."""
    assert BOOK.price("Replicate", "acme/painter") is UNKNOWN
    assert BOOK.price("Homemade", "nova-3") is UNKNOWN
    assert cost("Deepgram", "nova-3", UNIT_CHARACTER, 1) is None


@pytest.mark.parametrize(("provider_type", "row"), ROWS)
def test_a_row_says_where_it_is_from_and_when_it_was_seen(
    provider_type: str, row: PriceRow
) -> None:
    """Its provider type exists, its page is the provider's own, and its day is in the version."""
    assert load_catalog().find(provider_type).name == provider_type
    assert row.source.startswith("https://")
    assert row.seen_on <= WRITTEN_ON
    assert row.priced.version == f"book:{row.seen_on}"
    assert row.unit_prices


async def test_the_book_wins_over_the_catalog_which_prices_the_rest() -> None:
    """Images of Stability AI on Bedrock are the book's, Claude's tokens the catalog's."""
    now = datetime(2026, 11, 30, tzinfo=UTC)
    prices = PriceList(PriceCatalog(lambda name: load_catalog().find(name).price_provider), BOOK)
    image = prices.price(1, "Bedrock", "stability.sd3-5-large-v1:0", now)
    assert image.unit_prices[UNIT_IMAGE] == 8 * CENT * 1_000_000
    claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert prices.price(1, "Bedrock", claude, now).version.startswith("catalog:")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('match = { equals = "m" }\nimage = "0"', "more than 0"),
        ('match = { equals = "m" }\nimage = "5000"', "less than 1000"),
        ('match = { equals = "m" }\nimage = "cheap"', "prices"),
        ('match = { equals = "m" }\npicture = "1"', "picture"),
        ('image = "1"', "match"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(tmp_path: Path, row: str, words: str) -> None:
    """By the name of its file, and what is wrong."""
    text = 'provider_type = "T"\n[[prices]]\nsource = "https://t"\nseen_on = 2026-01-01\n' + row
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(ValueError, match=rf"t\.toml: .*{words}"):
        assert PriceBook(tmp_path).rows
