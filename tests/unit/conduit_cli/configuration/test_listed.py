"""Prices and webhooks, which a gateway's API keeps one by one."""

from typing import Any

import pytest

from conduit.v1 import model_cost_json, webhook_json
from conduit_cli.configuration.file import FileProblems
from conduit_cli.configuration.listed import HOOKS, MODEL_COSTS, Change, changes_of, exported

IDS = {"main": 3}
# As the API shows it, with the instance's name beside.
SHOWN: dict[str, Any] = {
    "id": 7,
    "providerId": 3,
    "provider": "Main",
    "modelPattern": "gpt-*",
    "inputCostPer1kTokens": 0.03,
    "outputCostPer1kTokens": 0.06,
    "cachedInputCostPer1kTokens": None,
    "costPerUnit": None,
    "costCalculationType": "TokenBased",
    "unitCosts": [],
    "tiers": [],
    "conditions": [],
    "priority": 0,
    "effectiveFrom": None,
    "effectiveUntil": None,
    "createdAt": "2026-11-30T00:00:00Z",
    "etag": "x",
}
WANTED = {
    "modelPattern": "gpt-*",
    "provider": "Main",
    "inputCostPer1kTokens": "0.03",
    "outputCostPer1kTokens": 0.06,
}


def test_all_that_the_contract_takes_is_known() -> None:
    """A member that is added to it is not forgotten here."""
    assert set(MODEL_COSTS.blank) == model_cost_json._MODEL_COST_SPEC_MEMBERS  # noqa: SLF001 # of generated code
    assert set(HOOKS.blank) == webhook_json._WEBHOOK_SPEC_MEMBERS  # noqa: SLF001 # as above


def test_what_is_the_same_needs_nothing() -> None:
    """However it is written: dollars as a text, defaults said or not."""
    assert exported(MODEL_COSTS, SHOWN) == WANTED | {"inputCostPer1kTokens": 0.03}
    for wanted in (WANTED, exported(MODEL_COSTS, SHOWN), WANTED | {"priority": 0, "tiers": []}):
        found = changes_of(MODEL_COSTS, [wanted], [SHOWN], IDS, prunes=True)
        assert (found.todo, found.kept) == ([], [])


def test_a_change_sets_all_of_a_thing() -> None:
    """What the file leaves out is as on creation again: null says so."""
    shown = SHOWN | {"cachedInputCostPer1kTokens": 0.01}
    found = changes_of(
        MODEL_COSTS, [WANTED | {"outputCostPer1kTokens": 1}], [shown], IDS, prunes=False
    )
    [change] = found.todo
    assert change.line == (
        "changed price gpt-* Main, outputCostPer1kTokens, cachedInputCostPer1kTokens"
    )
    assert (change.method, change.path) == ("PUT", "/api/model-costs/7")
    assert change.body is not None
    assert change.body["outputCostPer1kTokens"] == 1
    assert change.body["cachedInputCostPer1kTokens"] is None
    assert change.body["providerId"] == 3


def test_what_is_not_named_goes_or_stays() -> None:
    """What is known by something else is another thing."""
    other = WANTED | {"modelPattern": "o3"}
    created = Change(
        "created price o3 Main",
        "POST",
        "/api/model-costs",
        {
            "providerId": 3,
            "modelPattern": "o3",
            "inputCostPer1kTokens": "0.03",
            "outputCostPer1kTokens": 0.06,
            "costCalculationType": "TokenBased",
            "unitCosts": [],
            "tiers": [],
            "conditions": [],
            "priority": 0,
        },
    )
    kept = changes_of(MODEL_COSTS, [other], [SHOWN], IDS, prunes=False)
    assert (kept.todo, kept.kept) == ([created], ["price gpt-* Main"])
    pruned = changes_of(MODEL_COSTS, [other], [SHOWN], IDS, prunes=True)
    assert pruned.todo == [
        created,
        Change("deleted price gpt-* Main", "DELETE", "/api/model-costs/7"),
    ]


def test_all_that_is_wrong_is_told() -> None:
    """Each with its place."""
    hooks: list[dict[str, Any]] = [
        {"url": "https://a.example"},
        {"url": "https://a.example"},
        {"kinds": ["No"]},
    ]
    with pytest.raises(FileProblems) as caught:
        changes_of(HOOKS, hooks, [], {}, prunes=False)
    assert [each.path for each in caught.value.problems] == ["webhooks[1]", "webhooks[2].kinds[0]"]
    with pytest.raises(FileProblems) as caught:
        changes_of(MODEL_COSTS, [{"provider": "Gone"}, {"priority": "x"}], [], IDS, prunes=False)
    assert [each.path for each in caught.value.problems] == [
        "modelCosts[0].provider",
        "modelCosts[1].priority",
    ]
