"""The JSON Schema of configuration files."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # has no types
from tests.unit.conduit_cli.configuration.test_applying import TEXT

from conduit_cli.configuration.file import LISTED
from conduit_cli.configuration.schema import schema
from conduit_registry.configuration.document import SECTIONS, SECURITY


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    """Return what checks by it."""
    found = schema()
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def test_it_has_every_section(validator: Draft202012Validator) -> None:
    """And no other one."""
    assert Draft202012Validator(schema()).schema == validator.schema
    assert set(schema()["properties"]) == {"version", SECURITY, *SECTIONS, *LISTED}


def test_a_file_that_can_be_applied_is_right(validator: Draft202012Validator) -> None:
    """The seed's blocks among them."""
    seed = {
        "providers": [{"name": "A", "providerType": "OpenAI", "weight": 70, "priority": 1}],
        "fallbackChains": [
            {"modelAlias": "gpt-4", "providers": [{"providerId": 1, "timeout": "30s"}]}
        ],
        "providerSecurity": {"allowedIPs": ["192.168.1.0/24"], "auditLevel": "Full"},
    }
    for document in (yaml.safe_load(TEXT), seed, {"version": 1}):
        assert [each.message for each in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": []},
        {"version": 2},
        {"providers": [{"providerType": "OpenAI"}]},
        {"providers": [{"name": "A", "providerType": "OpenAI", "wieght": 1}]},
        {"providers": [{"name": "A", "providerType": "OpenAI", "weight": -1}]},
        {"providers": [{"name": "A", "providerType": "OpenAI", "keys": [{"apikey": "x"}]}]},
        {"mappings": [{"provider": "A"}]},
        {"virtualKeys": [{"name": "a", "budgets": [{"limitUsd": 1, "period": "Fortnight"}]}]},
        {"webhooks": [{"url": "ftp://x"}]},
    ],
    ids=str,
)
def test_a_mistake_is_seen_by_an_editor(
    validator: Draft202012Validator, wrong: dict[str, Any]
) -> None:
    """Before the file is applied."""
    assert list(validator.iter_errors(wrong))
