"""Which instance a caller means, and under which alias its model is offered."""

import pytest
from msgspec.structs import replace
from tests.support.snapshots import compiled, mapping, provider, snapshot

from conduit_kernel.errors import InvalidRequest, ModelNotAllowed
from conduit_kernel.not_found_errors import ModelNotFound, ProviderNotFound, RouteNotFound
from conduit_providers.catalog import load_catalog
from conduit_router.passthrough.offers import Offers, instances_named, narrowed, rule_of
from conduit_router.routing.table import Caller

TABLE = compiled(
    snapshot(
        [
            provider(1, name="first", provider_type="OpenAICompatible"),
            provider(2, name="second", provider_type="OpenAICompatible"),
            provider(3, name="openai", provider_type="OpenAICompatible"),
            provider(4, name="fourth", provider_type="OpenAI"),
        ],
        mappings=[
            mapping(1, 1, model_alias="b", actual_model_name="m"),
            mapping(2, 2, model_alias="b", actual_model_name="m"),
            mapping(3, 1, model_alias="a", actual_model_name="m"),
            mapping(4, 2, model_alias="c", actual_model_name="n"),
        ],
    )
)
ANYBODY = Caller(1, is_enabled=True, expires_at=float("inf"), allowed=None)


def _ids(name: str) -> list[int]:
    return [each.provider.id for each in instances_named(TABLE, name)]


def test_names_and_ids_go_before_types() -> None:
    """One that is called as a type is that one alone."""
    assert _ids("FIRST") == _ids("1") == [1]
    assert _ids("OpenAICompatible") == [1, 2, 3]
    assert _ids("OpenAI") == [3]
    with pytest.raises(ProviderNotFound):
        _ids("nobody")


def test_the_first_alias_counts_that_the_caller_may_use() -> None:
    """In order of their names, with all the instances there."""
    offers, both = Offers(), instances_named(TABLE, "OpenAICompatible")
    assert offers.find(TABLE, ANYBODY, both, "m") == ("a", (1,))
    only_b = replace(ANYBODY, allowed=("b*",))
    assert offers.find(TABLE, only_b, both, "m") == ("b", (1, 2))
    with pytest.raises(ModelNotAllowed):
        offers.find(TABLE, replace(ANYBODY, allowed=("c",)), both, "m")
    with pytest.raises(ModelNotAllowed):
        # Its own name is no alias, so being allowed that says nothing.
        offers.find(TABLE, replace(ANYBODY, allowed=("m",)), both, "m")


def test_models_are_offered_where_they_are_mapped() -> None:
    """Not under their aliases, and not at other instances."""
    offers, first = Offers(), instances_named(TABLE, "first")
    for model in ("n", "a", "b", "", "M"):
        with pytest.raises(ModelNotFound):
            offers.find(TABLE, ANYBODY, first, model)


def test_a_new_table_is_looked_through_again() -> None:
    """What is mapped no more is not offered."""
    offers, first = Offers(), instances_named(TABLE, "first")
    assert offers.find(TABLE, ANYBODY, first, "m").alias == "a"
    other = compiled(snapshot([provider(1)], mappings=[mapping(1, 1, model_alias="z")]))
    with pytest.raises(ModelNotFound):
        offers.find(other, ANYBODY, instances_named(other, "1"), "m")


def test_callers_narrow_the_instances() -> None:
    """By name or id, to what is there."""
    both = instances_named(TABLE, "OpenAICompatible")
    offer = Offers().find(TABLE, replace(ANYBODY, allowed=("b",)), both, "m")
    assert narrowed(offer, both, ()) == ["1", "2"]
    assert narrowed(offer, both, ("SECOND", "4")) == ["2"]
    with pytest.raises(InvalidRequest):
        narrowed(offer, both, ("fourth",))


@pytest.mark.parametrize(
    ("provider_type", "path", "behind"),
    [
        ("OpenAI", "/v1/chat/completions", "/chat/completions"),
        ("OpenAI", "chat/completions", "/chat/completions"),
        ("Groq", "/openai/v1/chat/completions", "/chat/completions"),
        ("vLLM", "/v1/embeddings", "/embeddings"),
        ("Anthropic", "/v1/messages", "/v1/messages"),
        ("Gemini", "/v1beta/models/m:countTokens", "/v1beta/models/m:countTokens"),
    ],
)
def test_paths_may_begin_as_the_providers_address_ends(
    provider_type: str, path: str, behind: str
) -> None:
    """So no `/v1` is there twice, whichever way an SDK is pointed here."""
    rule, found = rule_of(load_catalog().find(provider_type), path)
    assert found == behind
    assert rule.pattern.fullmatch(found)


@pytest.mark.parametrize(
    ("provider_type", "path"),
    [
        ("OpenAI", "/v1/v1/chat/completions"),
        ("OpenAI", "/v1/files"),
        ("Anthropic", "/messages"),
        ("Groq", "/v1/chat/completions"),
        ("Bedrock", "/model/m/invoke"),
        ("OpenAI", "/v1"),
        ("OpenAI", ""),
    ],
)
def test_all_else_is_no_path(provider_type: str, path: str) -> None:
    """Of types whose catalog file names none there is none at all."""
    with pytest.raises(RouteNotFound):
        rule_of(load_catalog().find(provider_type), path)
