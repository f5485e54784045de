"""A config of Portkey's as a file of Conduit's."""

import json
from pathlib import Path
from typing import Any

import pytest

from conduit_cli.configuration.file import ConfigFile
from conduit_cli.configuration.validation import problems_of
from conduit_cli.importers.portkey import PortkeyImport

CONFIG: dict[str, Any] = {
    "strategy": {"mode": "fallback", "on_status_codes": [429]},
    "cache": {"mode": "simple", "max_age": 60},
    "retry": {"attempts": 3},
    "request_timeout": 30000,
    "targets": [
        {
            "strategy": {"mode": "loadbalance"},
            "targets": [
                {
                    "provider": "openai",
                    "api_key": "sk-literal",
                    "weight": 0.7,
                    "override_params": {"model": "gpt-4o", "temperature": 0},
                },
                {
                    "provider": "azure-openai",
                    "virtual_key": "azure-1",
                    "weight": 0.3,
                    "resource_name": "eu",
                    "api_version": "2024-10-21",
                    "override_params": {"model": "gpt-4o-eu"},
                },
            ],
        },
        {"provider": "anthropic", "override_params": {"model": "claude-sonnet-4-5"}},
        {"virtual_key": "who-knows"},
    ],
}


def test_targets_are_mappings_of_one_alias() -> None:
    """Groups that share are of one priority, those behind them of the next."""
    draft = PortkeyImport(CONFIG, "assistant").run()
    made = json.dumps(draft.document())
    assert problems_of(ConfigFile(Path("made.yaml"), made)) == []
    told = [
        (m["provider"], m["actualModelName"], m["priority"], m["weight"]) for m in draft.mappings
    ]
    assert told == [
        ("OpenAI", "gpt-4o", 1, 700),
        ("AzureOpenAI", "gpt-4o-eu", 1, 300),
        ("Anthropic", "claude-sonnet-4-5", 2, 1000),
    ]
    assert {m["modelAlias"] for m in draft.mappings} == {"assistant"}
    assert draft.mappings[0]["timeouts"] == {"total": "30s"}
    assert draft.providers[1]["settings"] == {"resource": "eu", "apiVersion": "2024-10-21"}
    assert draft.chains == [{"modelAlias": "assistant", "cache": {"ttl": "60s"}}]


def test_what_is_not_taken_over_is_said() -> None:
    """Portkey alone knows what its virtual keys stand for."""
    notes = PortkeyImport(CONFIG, "assistant").run().notes
    assert notes == [
        "config.retry: is not taken over",
        "config.strategy.on_status_codes: is not taken over",
        "config.targets[0].targets[0].override_params.temperature: is not taken over",
        "config.targets[0].targets[0].api_key: is a key itself, which the file has",
        "config.targets[0].targets[1].virtual_key: give the key that 'azure-1' stands for",
        "config.targets[2]: what 'who-knows' stands for is known to Portkey alone",
    ]


def test_a_config_of_one_provider_is_one_mapping() -> None:
    """Where it names no model, the alias is the model."""
    draft = PortkeyImport({"provider": "groq"}, "llama").run()
    assert [(m["provider"], m["actualModelName"]) for m in draft.mappings] == [("Groq", "llama")]
    assert draft.providers[0]["keys"][0]["apiKey"] == "env:GROQ_API_KEY"


@pytest.mark.parametrize(
    "config",
    [
        {"targets": 3},
        {"targets": [1, {"targets": [{}]}], "strategy": 7},
        {"cache": {"mode": "simple"}},
        {"provider": 3, "weight": "x"},
    ],
)
def test_nonsense_makes_nothing(config: dict[str, Any]) -> None:
    """And breaks nothing."""
    assert PortkeyImport(config, "a").run().document() == {"version": 1}
