"""How limits are told."""

import pytest

from conduit_router.spending.standing import Standing, described


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0ms"), (-1.0, "0ms"), (0.85, "850ms"), (1.0, "1s"), (16.2, "17s"), (360.0, "6m0s")],
)
def test_times_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    """Rounded up, so that whoever comes then is not too early."""
    assert Standing("requests", 1, 1, seconds).reset == text


def test_errors_tell_the_same_as_reports() -> None:
    """By the names of the report's fields."""
    assert described([Standing("tokens", 10, 3, 59.0)]) == {
        "limit_tokens": "10",
        "remaining_tokens": "3",
        "reset_tokens": "59s",
    }
