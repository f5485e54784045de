"""LiteLLM's config.yaml as a file of Conduit's."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.conduit_cli.importers.litellm_life import CONFIG, hashed

from conduit_cli.configuration.file import ConfigFile
from conduit_cli.configuration.validation import problems_of
from conduit_cli.importers.draft import Draft
from conduit_cli.importers.litellm import LiteLLMImport


def imported(text: str = CONFIG, **env: str) -> Draft:
    """Import a file."""
    return LiteLLMImport(yaml.safe_load(text), env).run()


def deployment(alias: str = "a", **params: object) -> Draft:
    """Import a file with one deployment."""
    entry = {"model_name": alias, "litellm_params": params}
    return LiteLLMImport({"model_list": [entry]}, {}).run()


def test_what_is_made_can_be_applied() -> None:
    """As it stands, but for what the notes say."""
    text = json.dumps(imported().document())
    assert problems_of(ConfigFile(Path("made.yaml"), text)) == []


def test_each_account_is_an_instance_with_its_key() -> None:
    """Keys by reference where they are; those that nobody names are looked for as LiteLLM does."""
    draft = imported()
    assert [each["name"] for each in draft.providers] == [
        *("AzureOpenAI", "OpenAI", "OpenAI 2", "Anthropic", "OpenAICompatible", "Bedrock"),
        "VertexAI",
    ]
    azure, openai, again, anthropic, local, bedrock, vertex = draft.providers
    assert azure == {
        "name": "AzureOpenAI",
        "providerType": "AzureOpenAI",
        "baseUrl": "https://eu.openai.azure.com",
        "settings": {"apiVersion": "2024-10-21"},
        "keys": [{"name": "imported", "apiKey": "env:AZURE_EU_KEY"}],
    }
    # An alias has one model of an instance, so that the second one has an instance of its own.
    assert openai["keys"] == again["keys"] == [{"name": "imported", "apiKey": "env:OPENAI_API_KEY"}]
    assert anthropic["keys"][0]["apiKey"] == "env:ANTHROPIC_API_KEY"
    assert (local["baseUrl"], local["keys"][0]["apiKey"]) == (
        "http://127.0.0.1:9000/v1",
        "sk-local-literal",
    )
    assert bedrock["settings"] == {"region": "eu-west-1"}
    assert bedrock["keys"][0]["apiKey"] == "identity"
    assert vertex["settings"] == {"project": "demo", "location": "europe-west1"}
    assert vertex["keys"][0]["apiKey"] == "file:/secrets/vertex.json"


def test_model_groups_are_aliases() -> None:
    """With their shares and times; other names of a group are aliases as well."""
    draft = imported()
    first, second, third = draft.of("gpt-4o")
    assert first["timeouts"] == {"total": "300s", "firstToken": "60s"}
    assert (second["weight"], second["actualModelName"]) == (500, "gpt-4o")
    assert third["provider"] == "OpenAI 2"
    assert [each["actualModelName"] for each in draft.of("gpt-4")] == [
        each["actualModelName"] for each in draft.of("gpt-4o")
    ]
    assert draft.of("hidden")[0]["provider"] == "Anthropic"


def test_fallbacks_are_steps_of_a_chain() -> None:
    """Behind those who serve the alias; some after certain failures alone."""
    draft = imported()
    chain = draft.chain("gpt-4o")
    assert chain["strategy"] == "LowestLatency"
    told = [(s["provider"], s["priority"], s.get("conditions")) for s in chain["providers"]]
    assert told == [
        ("AzureOpenAI", 1, None),
        ("OpenAI", 1, None),
        ("OpenAI 2", 1, None),
        ("Anthropic", 2, None),
        ("VertexAI", 3, ["ContextTooLong"]),
    ]
    everywhere = LiteLLMImport(
        {
            "model_list": [
                {"model_name": n, "litellm_params": {"model": f"openai/{n}"}} for n in "ab"
            ],
            "litellm_settings": {"default_fallbacks": ["b"]},
        },
        {},
    ).run()
    assert [each["modelAlias"] for each in everywhere.chains] == ["a"]


def test_prices_budgets_and_the_master_key_are_taken() -> None:
    """Prices to the nano-dollar; the whole budget as that of a group that covers all."""
    draft = imported()
    assert draft.costs == [
        {
            "modelPattern": "claude-sonnet-4-5",
            "provider": "Anthropic",
            "inputCostPer1kTokens": "0.003",
            "outputCostPer1kTokens": "0.015",
        }
    ]
    assert draft.groups == [
        {"name": "All", "coversAll": True, "budgets": [{"limitUsd": 100.0, "period": "Month"}]}
    ]
    [master] = draft.virtual_keys
    assert master["keySha256"] == hashed("sk-1234567890123456789012")


def test_what_is_not_taken_over_is_said() -> None:
    """Each with its place, and once."""
    notes = imported().notes
    assert "model_list[0].litellm_params.rpm: is not taken over" in notes
    assert "model_list[3].litellm_params.temperature: is not taken over" in notes
    assert "model_list[4].litellm_params.api_key: is a key itself, which the file has" in notes
    assert any(note.startswith("model_list[7]: '*' stands for many") for note in notes)
    assert (
        "model_list[8]: no provider type of Conduit is known for 'sagemaker/some-endpoint'" in notes
    )
    assert "router_settings.fallbacks: nobody serves 'nobody'" in notes
    assert "litellm_settings.num_retries: is not taken over" in notes
    assert "environment_variables: is not taken over" in notes
    assert any("it administers nothing" in note for note in notes)
    assert not any("drop_params" in note for note in notes)
    assert len(notes) == len(set(notes))


def test_addresses_may_be_variables_of_the_environment_of_the_import() -> None:
    """Since Conduit has references for keys alone."""
    params = {"model": "azure/x", "api_base": "os.environ/BASE", "api_key": "os.environ/K"}
    entry = {"model_name": "a", "litellm_params": params}
    config: dict[str, Any] = {"model_list": [entry]}
    found = LiteLLMImport(config, {"BASE": "https://x.openai.azure.com"}).run()
    assert found.providers[0]["baseUrl"] == "https://x.openai.azure.com"
    lacking = LiteLLMImport(config, {}).run()
    assert "baseUrl" not in lacking.providers[0]
    assert "BASE is not set here" in lacking.notes[0]


def test_what_nobody_says_is_looked_for_where_litellm_does() -> None:
    """Azure's address, and Google's project."""
    env = {"AZURE_API_BASE": "https://y.openai.azure.com/", "VERTEXAI_PROJECT": "demo"}
    models = ("azure/x", "vertex_ai/y")
    entries = [{"model_name": m, "litellm_params": {"model": m}} for m in models]
    azure, vertex = LiteLLMImport({"model_list": entries}, env).run().providers
    assert azure["baseUrl"] == "https://y.openai.azure.com"
    assert vertex["settings"] == {"project": "demo"}


@pytest.mark.parametrize(
    ("params", "kind", "model"),
    [
        ({"model": "gpt-4o"}, "OpenAI", "gpt-4o"),
        ({"model": "claude-opus-4"}, "Anthropic", "claude-opus-4"),
        ({"model": "openrouter/meta/llama"}, "OpenRouter", "meta/llama"),
        ({"model": "meta/llama", "custom_llm_provider": "groq"}, "Groq", "meta/llama"),
        ({"model": "groq/llama", "custom_llm_provider": "groq"}, "Groq", "llama"),
        ({"model": "openai/x", "api_base": "https://api.openai.com/v1"}, "OpenAI", "x"),
        ({"model": "ollama/llama3", "api_base": "http://h:11434"}, "Ollama", "llama3"),
    ],
    ids=str,
)
def test_providers_are_known_by_their_names(params: dict[str, str], kind: str, model: str) -> None:
    """Before the model's, in its place, or by the model where nobody says."""
    draft = deployment(**params)
    assert draft.providers[0]["providerType"] == kind
    assert draft.mappings[0]["actualModelName"] == model


@pytest.mark.parametrize("name", ["unknown", "azure/", "", "some-model"])
def test_a_deployment_that_nobody_understands_is_none(name: str) -> None:
    """It is said."""
    draft = deployment(model=name)
    assert (draft.mappings, len(draft.notes)) == ([], 1)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "model_list: 3",
        "model_list: [1, {}, {litellm_params: 7}]",
        "router_settings: []\nlitellm_settings: x\ngeneral_settings: 1",
        "router_settings: {fallbacks: [x, {a: b}], model_group_alias: {a: 3}, routing_strategy: 7}",
    ],
)
def test_nonsense_makes_nothing(text: str) -> None:
    """And breaks nothing."""
    assert imported(text).document() == {"version": 1}
