"""Bifrost's config.json as a file of Conduit's."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from conduit_cli.configuration.file import ConfigFile
from conduit_cli.configuration.validation import problems_of
from conduit_cli.importers.bifrost import BifrostImport

# After the form of Bifrost's own example and its schema.
CONFIG: dict[str, Any] = {
    "$schema": "https://www.getbifrost.ai/schema",
    "client": {"enable_logging": True},
    "providers": {
        "openai": {
            "keys": [
                {"value": "env.OPENAI_API_KEY", "models": ["gpt-4o", "gpt-4o-mini"], "weight": 0.7},
                {"value": "env.OPENAI_KEY_2", "models": ["gpt-4o"], "weight": 0.3},
            ],
            "concurrency_and_buffer_size": {"concurrency": 3},
        },
        "azure": {
            "keys": [
                {
                    "value": "env.AZURE_API_KEY",
                    "models": ["gpt-4o"],
                    "azure_key_config": {
                        "endpoint": "https://x.openai.azure.com/",
                        "deployments": {"gpt-4o": "gpt-4o-aug"},
                        "api_version": "2024-10-21",
                    },
                }
            ]
        },
        "vertex": {
            "keys": [
                {
                    "models": ["gemini-2.5-pro"],
                    "vertex_key_config": {
                        "project_id": "demo",
                        "region": "us-central1",
                        "auth_credentials": "env.VERTEX",
                    },
                }
            ]
        },
        "anthropic": {"keys": [{"value": "sk-ant-literal", "models": ["*"]}]},
        "sgl": {"keys": []},
    },
    "governance": {
        "budgets": [
            {"id": "b1", "max_limit": 10, "reset_duration": "1M", "team_id": "t1"},
            {"id": "b2", "max_limit": 2, "reset_duration": "1d", "virtual_key_id": "v1"},
        ],
        "rate_limits": [
            {
                "id": "r1",
                "request_max_limit": 60,
                "request_reset_duration": "1m",
                "token_max_limit": 1000,
                "token_reset_duration": "1h",
            }
        ],
        "teams": [{"id": "t1", "name": "search"}],
        "virtual_keys": [
            {
                "id": "v1",
                "name": "backend",
                "value": "sk-bf-0123456789",
                "team_id": "t1",
                "rate_limit_id": "r1",
            },
            {"id": "v2", "name": "Backend", "value": "env.VK", "is_active": False},
        ],
        "customers": [],
    },
}


def test_providers_keys_and_models_are_taken() -> None:
    """Callers name the provider before the model, as they did; each key is an account."""
    draft = BifrostImport(CONFIG).run()
    document = draft.document()
    assert problems_of(ConfigFile(Path("made.yaml"), json.dumps(document))) == []
    told = [(m["modelAlias"], m["provider"], m["actualModelName"]) for m in draft.mappings]
    assert told == [
        ("openai/gpt-4o", "OpenAI", "gpt-4o"),
        ("openai/gpt-4o-mini", "OpenAI", "gpt-4o-mini"),
        ("openai/gpt-4o", "OpenAI 2", "gpt-4o"),
        ("azure/gpt-4o", "AzureOpenAI", "gpt-4o-aug"),
        ("vertex/gemini-2.5-pro", "VertexAI", "gemini-2.5-pro"),
    ]
    assert [each.get("weight") for each in draft.mappings] == [700, 700, 300, None, None]
    keys = [each["keys"][0]["apiKey"] for each in draft.providers]
    assert keys == ["env:OPENAI_API_KEY", "env:OPENAI_KEY_2", "env:AZURE_API_KEY", "env:VERTEX"]


def test_virtual_keys_keep_their_values() -> None:
    """In their teams, with budgets and limits that have a like."""
    draft = BifrostImport(CONFIG).run()
    assert draft.groups == [{"name": "search", "budgets": [{"limitUsd": 10.0, "period": "Month"}]}]
    assert draft.virtual_keys == [
        {
            "name": "backend",
            "budgets": [{"limitUsd": 2.0, "period": "Day"}],
            "limits": {"requestsPerMinute": 60},
            "keySha256": hashlib.sha256(b"sk-bf-0123456789").hexdigest(),
            "group": "search",
        },
        {"name": "Backend 2", "isEnabled": False},
    ]


def test_what_is_not_taken_over_is_said() -> None:
    """Each with its place."""
    notes = BifrostImport(CONFIG).run().notes
    assert "client: is not taken over" in notes
    assert "providers.openai.concurrency_and_buffer_size: is not taken over" in notes
    assert "providers.anthropic.keys[0].value: is a key itself, which the file has" in notes
    assert any("stands for all models" in note for note in notes)
    assert "providers.sgl: no provider type of Conduit is known for it" in notes
    assert "governance.customers: is not taken over" in notes
    assert "virtual key backend: limits of tokens are by the minute, not by '1h'" in notes
    assert "virtual key Backend 2: its value is not in the file: it gets a new one" in notes


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"providers": 3, "governance": []},
        {"providers": {"openai": {"keys": [1, {}]}}, "governance": {"teams": 1, "budgets": [2]}},
    ],
)
def test_nonsense_makes_nothing(config: dict[str, Any]) -> None:
    """And breaks nothing."""
    assert BifrostImport(config).run().document() == {"version": 1}
