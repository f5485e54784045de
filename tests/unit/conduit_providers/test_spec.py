"""Provider types as data: which rows hold for a model, and what passes as it is."""

from datetime import date

import pytest

from conduit_providers.model_rows import (
    EVERY_MODEL,
    MAX_KNOWN_MODELS,
    ModelMatch,
    ModelRow,
    ModelRule,
    ValueMap,
)
from conduit_providers.spec import Auth, Endpoint, ProviderSpec


def test_the_first_row_that_fits_holds() -> None:
    """And none, where nothing is known."""
    rows = (
        ModelRow(ModelMatch(starts_with="gpt-4o"), facts="four o"),
        ModelRow(ModelMatch(starts_with="gpt-4"), date(2026, 1, 1), facts="four"),
    )
    endpoint = Endpoint("openai_chat", "/chat", models=rows)
    assert [
        endpoint.facts_of(name) for name in ("gpt-4o-mini", "gpt-4", "gpt-3", "gpt-4o-mini")
    ] == [
        "four o",
        "four",
        None,
        "four o",
    ]


def test_of_maps_about_one_parameter_the_first_holds() -> None:
    """Others are about other ones."""
    old = ValueMap("effort", ModelMatch(contains="old"))
    any_model, other = ValueMap("effort"), ValueMap("tier")
    endpoint = Endpoint("openai_chat", "/chat", value_maps=(old, any_model, other))
    assert endpoint.value_maps_of("old") == (old, other)
    assert endpoint.value_maps_of("new") == (any_model, other)


def test_names_without_number_cost_no_memory_without_bound() -> None:
    """Deployments may be called anything; what was forgotten is found again."""
    endpoint = Endpoint("openai_chat", "/chat", models=(ModelRow(EVERY_MODEL, facts=7),))
    for number in range(3 * MAX_KNOWN_MODELS):
        assert endpoint.facts_of(str(number)) == 7
        assert endpoint.value_maps_of(str(number)) == ()
    assert len(endpoint.known_facts) <= MAX_KNOWN_MODELS
    assert len(endpoint.known_value_maps) <= MAX_KNOWN_MODELS


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (b'{"messages":[{"role":"user","content":"user"}]}', True),
        (b'{"user":"u"}', False),
        (b'{"max_tokens":1}', False),
        (b'{"effort":"high"}', False),
        (b'{"stream_options":{}}', True),
        (b'{"messages":[{"name":"n"}]}', False),
        (b'{"us\\u0065r":"u"}', False),
        (b"nonsense", False),
    ],
)
def test_a_request_passes_if_nothing_in_it_must_change(body: bytes, *, passes: bool) -> None:
    """One that cannot be read is looked at more closely."""
    endpoint = Endpoint(
        "openai_chat",
        "/chat",
        rename={"max_tokens": "limit"},
        drop=frozenset({"user", "stream_options"}),
        drop_in_messages=frozenset({"name"}),
        value_maps=(ValueMap("effort"),),
    )
    assert endpoint.passes(body, "m") is passes
    assert Endpoint("openai_chat", "/chat").passes(body, "m")


def test_rules_hold_for_the_models_that_they_fit() -> None:
    """Requests for others pass as they are; names come from mappings, so few are kept."""
    first = ModelRule(ModelMatch(starts_with="o"), rename={"max_tokens": "limit"})
    second = ModelRule(ModelMatch(equals="o4"), drop=frozenset({"top_p"}))
    endpoint = Endpoint("openai_chat", "/chat", rules=(first, second))
    assert endpoint.rules_of("o4") == (first, second)
    assert endpoint.rules_of("gpt") == ()
    for model, passes in (("o4", False), ("o3", True), ("gpt", True)):
        assert endpoint.passes(b'{"top_p":1}', model) is passes
    assert not endpoint.passes(b'{"max_tokens":1}', "o3")
    for number in range(2 * MAX_KNOWN_MODELS):
        assert endpoint.passes(b'{"max_tokens":1}', f"m-{number}")
    assert len(endpoint.known_scanners) <= MAX_KNOWN_MODELS


def test_an_address_may_depend_on_a_setting() -> None:
    """The usual one is for all others."""
    spec = ProviderSpec(
        "Acme",
        "Acme",
        Auth("none", ""),
        {},
        (),
        date(2026, 11, 23),
        base_url="https://{location}.example",
        base_urls={"location=global": "https://example"},
    )
    assert spec.base_url_for({"location": "global"}) == "https://example"
    assert spec.base_url_for({"location": "eu"}) == "https://{location}.example"
    assert spec.base_url_for({}) == "https://{location}.example"


def test_a_model_is_for_what_names_it_or_else_for_what_names_none() -> None:
    """Several endpoints may name it."""
    tts = ModelMatch(contains="tts")
    endpoints = {
        "chat": Endpoint("openai_chat", "/chat"),
        "speak": Endpoint("openai_speak", "/speech", serves=tts),
        "create_voice": Endpoint("openai_create_voice", "/voices", serves=tts),
        "models": Endpoint("openai_models", "/models"),
    }
    spec = ProviderSpec("Acme", "Acme", Auth("none", ""), endpoints, (), date(2026, 11, 23))
    assert spec.operations_of("a-tts-1") == {"speak", "create_voice"}
    assert spec.operations_of("a-1") == {"chat", "models"}


def test_a_model_that_others_name_may_be_for_one_that_names_none() -> None:
    """Where that says so; it says nothing of models that nobody names."""
    image = ModelMatch(contains="image")
    endpoints = {
        "chat": Endpoint("openai_chat", "/chat", also_serves=image),
        "image": Endpoint("openai_image", "/images", serves=ModelMatch(contains=("image", "draw"))),
        "rerank": Endpoint("openai_rerank", "/rerank"),
    }
    spec = ProviderSpec("Acme", "Acme", Auth("none", ""), endpoints, (), date(2026, 11, 23))
    assert spec.operations_of("an-image-1") == {"chat", "image"}
    assert spec.operations_of("draw-1") == {"image"}
    assert spec.operations_of("a-1") == {"chat", "rerank"}
