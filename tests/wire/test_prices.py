"""What voice and images are charged for, held against the price book and the shipped catalog."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from types import MappingProxyType

import pytest
from tests.support.operations import registered
from tests.support.replays import CATALOG, Replay, counts, replays
from tests.support.session_cases import session_cases
from tests.support.wire_cases import Json

from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.price_book import PriceBook
from conduit_billing.pricing.price_list import PriceList
from conduit_providers.codecs import codec_named
from conduit_providers.quantities import LEAVES

NOW = datetime(2026, 11, 30, tzinfo=UTC)
PRICES = PriceList(PriceCatalog(lambda name: CATALOG.find(name).price_provider), PriceBook())
UNITS: Mapping[str, int] = MappingProxyType({leaf.name: leaf.unit for leaf in LEAVES.values()})
OPERATIONS = ("speak", "transcribe", "translate", "image", "image_edit")
# What has no known price, as `<provider type>/<model>`, and why.
UNKNOWN: Mapping[str, str] = MappingProxyType(
    {
        "AWS/my-language-model": "what a model of one's own costs beside is not said",
        "AzureOpenAI/*": "a deployment's name is the operator's own, and does not say the model",
        "Bedrock/amazon.nova-canvas-v2:0": "no such model",
        "Deepgram/nova-2": "sessions, key terms: the page lists newer models alone",
        "Deepgram/nova-3": "key terms: only said of sessions",
        "ElevenLabs/scribe_v3": "no price was seen",
        "Gemini/imagen-5.0-*": "no such model",
        "GoogleCloud/*Neural2*": "no price was seen that several pages agree on",
        "GoogleCloud/Wavenet": "no price was seen that several pages agree on",
        "GoogleCloud/long": "no price was seen but Chirp's",
        "OpenAI/gpt-4o-transcribe-diarize": "the catalog has no tokens of sound of it",
        "OpenAI/gpt-transcribe": "its streams count tokens, and it is sold by the minute",
        "OpenAI/gpt-9-tts": "no such model",
        "OpenAICompatible/*": "whoever serves the model says",
        "Replicate/acme/*": "billed by the second of hardware",
        "Replicate/andreasjansson/*": "billed by the second of hardware",
        "Replicate/black-forest-labs/flux-1.1-pro-ultra": "the page's list does not show it",
        "Replicate/black-forest-labs/flux-2-flex": "billed by the megapixel",
        "Replicate/black-forest-labs/flux-kontext-*": "no price was seen but its maker's own",
        "Replicate/black-forest-labs/flux-fill-pro": "no price was seen but its maker's own",
        "Replicate/google/nano-banana-2": "no price was seen",
        "Replicate/qwen/qwen-image-edit-plus": "no price was seen",
        "Replicate/stability-ai/*": "the page's list does not show them",
        "Replicate/xai/*": "no price was seen",
        "Simulator/*": "it is nobody's to pay",
        "VertexAI/imagen-5.0-*": "no such model",
        **{
            f"StabilityAI/{name}": "its credits were seen in one list alone, which errs"
            for name in ("outpaint", "search-and-recolor")
        },
    }
)


def used_by(replay: Replay) -> Json | None:
    """Return what a case's call is charged for: what the answer counts, or else the estimate."""
    if found := replay.expected.get("usage"):
        return dict(found)
    call = replay.fresh_call()
    codec, facts = codec_named(replay.endpoint.codec), replay.endpoint.facts_of(call.model)
    asked = registered(replay.operation)
    return counts(asked.estimate(call.request, None, 100, codec, facts))


def calls() -> Iterator[tuple[str, str, Json]]:
    """Yield the provider type and the model of each call that is charged for, and what it used."""
    for replay in replays():
        if replay.operation in OPERATIONS and replay.is_own and "error" not in replay.expected:
            used = used_by(replay)
            assert used, replay.name
            yield replay.spec.name, replay.asked.model, used
    for case in session_cases():
        if used := case.result.get("usage"):
            yield case.owner, case.model, used


def unpriced() -> Iterator[str]:
    """Yield `<provider type>/<model>` of each call with a unit that has no price."""
    for provider_type, model, used in calls():
        told = {name: value for name, value in used.items() if name in UNITS}
        qualifiers = tuple(sorted(used.get("qualifiers", {}).items()))
        prices = PRICES.price(1, provider_type, model, NOW).sheet.at(0, qualifiers)
        if not told.keys() <= {name for name, unit in UNITS.items() if unit in prices}:
            yield f"{provider_type}/{model}"


def test_what_voice_and_images_use_has_a_price_or_a_reason_why_not() -> None:
    """Every unit that any codec counts, of every model of the cases, under its conditions."""
    found = set(unpriced())
    assert {name for name in found if not any(fnmatchcase(name, each) for each in UNKNOWN)} == set()


@pytest.mark.parametrize("pattern", UNKNOWN)
def test_what_is_listed_as_unknown_is(pattern: str) -> None:
    """Once a price is found, the reason why there is none goes."""
    assert any(fnmatchcase(name, pattern) for name in set(unpriced()))
