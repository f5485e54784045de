"""LiteLLM's budgets and limits as Conduit's."""

import re
from typing import Any

from conduit_cli.importers.draft import Draft, Members

_DURATION = re.compile(r"(\d+)(mo|[smhdw])")
_NAMED = {"hourly": "1h", "daily": "24h", "weekly": "7d", "monthly": "30d"}
# Calendar periods, as LiteLLM begins those of these durations anew.
_PERIODS = {"1d": "Day", "24h": "Day", "7d": "Week", "1w": "Week", "30d": "Month", "1mo": "Month"}
_HOURS = {"h": 1, "d": 24, "w": 168}
_MAX_HOURS = 8784
_MAX_USD = 1_000_000
_LIMITS = {
    "rpm_limit": "requestsPerMinute",
    "tpm_limit": "tokensPerMinute",
    "max_parallel_requests": "concurrentRequests",
}


def budgets_of(
    limit: object, duration: object, draft: Draft, place: str, *, spent: float = 0.0
) -> list[Members]:
    """Return the budget of a limit in dollars; none without one, or where it has no like.

    Of one that never begins anew what is left counts: Conduit knows nothing of what was spent.
    """
    if not isinstance(limit, int | float) or isinstance(limit, bool):
        return []
    if not duration:
        left = max(float(limit) - spent, 0.000001)
        return [{"limitUsd": _dollars(left), "period": "Total"}]
    text = _NAMED.get(str(duration), str(duration))
    if limit <= 0:
        draft.note(place, "has a budget of nothing; disable it instead")
        return []
    if period := _PERIODS.get(text):
        return [{"limitUsd": _dollars(limit), "period": period}]
    found = _DURATION.fullmatch(text)
    hours = int(found[1]) * _HOURS.get(found[2], 0) if found else 0
    if not 0 < hours <= _MAX_HOURS:
        draft.note(place, f"a budget of {text!r} has no like")
        return []
    return [{"limitUsd": _dollars(limit), "period": "Rolling", "rollingHours": hours}]


def limits_of(row: Any) -> Members:  # noqa: ANN401 # a row of any table that has them
    """Return the limits that a row has."""
    return {
        name: int(row[column])
        for column, name in _LIMITS.items()
        if row.get(column) is not None and int(row[column]) > 0
    }


def _dollars(amount: float) -> float:
    return min(round(float(amount), 6), _MAX_USD)
