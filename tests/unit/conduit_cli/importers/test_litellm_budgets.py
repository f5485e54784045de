"""LiteLLM's budgets and limits as Conduit's."""

from typing import Any

import pytest

from conduit_cli.importers.draft import Draft
from conduit_cli.importers.litellm_budgets import budgets_of, limits_of


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("1d", {"period": "Day"}),
        ("24h", {"period": "Day"}),
        ("daily", {"period": "Day"}),
        ("7d", {"period": "Week"}),
        ("30d", {"period": "Month"}),
        ("monthly", {"period": "Month"}),
        ("1mo", {"period": "Month"}),
        ("5h", {"period": "Rolling", "rollingHours": 5}),
        ("90d", {"period": "Rolling", "rollingHours": 2160}),
        ("2w", {"period": "Rolling", "rollingHours": 336}),
    ],
)
def test_a_duration_is_a_period(duration: str, expected: dict[str, Any]) -> None:
    """Of the calendar where LiteLLM's begin with it; others are of the last hours."""
    draft = Draft()
    assert budgets_of(5, duration, draft, "x") == [{"limitUsd": 5.0, **expected}]
    assert draft.notes == []


@pytest.mark.parametrize("duration", ["30s", "5m", "2mo", "400d", "soon", 7])
def test_a_duration_without_a_like_is_said(duration: object) -> None:
    """No budget is made up."""
    draft = Draft()
    assert budgets_of(5, duration, draft, "x") == []
    assert len(draft.notes) == 1


def test_of_a_budget_that_is_never_whole_again_what_is_left_counts() -> None:
    """One that is spent has the least that there is."""
    assert budgets_of(5, None, Draft(), "x", spent=3.5) == [{"limitUsd": 1.5, "period": "Total"}]
    assert budgets_of(5, None, Draft(), "x", spent=9) == [{"limitUsd": 1e-06, "period": "Total"}]
    assert budgets_of(0, None, Draft(), "x") == [{"limitUsd": 1e-06, "period": "Total"}]
    assert budgets_of(None, "1d", Draft(), "x") == []
    assert budgets_of(2e9, "1d", Draft(), "x")[0]["limitUsd"] == 1_000_000


def test_limits_are_by_the_minute() -> None:
    """Those that are not there are none."""
    assert limits_of({"rpm_limit": 60, "tpm_limit": None, "max_parallel_requests": 0}) == {
        "requestsPerMinute": 60
    }
