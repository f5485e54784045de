"""Checks of what callers say."""

from datetime import date

import pytest

from conduit_billing.validation import at_most, bounded, clipped, day, refuse, text
from conduit_kernel.errors import InvalidRequest

TODAY = date(2026, 11, 23)


def test_a_refusal_names_its_field() -> None:
    """In the message and beside it."""
    with pytest.raises(InvalidRequest, match=r"^pageSize is odd$") as caught:
        refuse("pageSize", "is odd")
    assert caught.value.metadata["field"] == "pageSize"


def test_both_ends_of_a_range_are_inside() -> None:
    """What is not is named with its range."""
    assert [bounded("n", value, 1, 3) for value in (1, 3)] == [1, 3]
    for wrong in (0, 4):
        with pytest.raises(InvalidRequest, match=rf"^n must be from 1 to 3, not {wrong}$"):
            bounded("n", wrong, 1, 3)


def test_a_list_may_be_full() -> None:
    """One more is too many."""
    at_most("charges", 3, 3)
    with pytest.raises(InvalidRequest, match=r"^charges may have at most 3 entries, not 4$"):
        at_most("charges", 4, 3)


def test_a_text_is_one_that_every_database_can_store() -> None:
    """PostgreSQL has no null characters; the error does not repeat the text."""
    assert text("name", "ключ\n", 5) == "ключ\n"
    for wrong in ("secret", "a\0b"):
        with pytest.raises(InvalidRequest) as caught:
            text("name", wrong, 5)
        assert wrong not in caught.value.message


def test_what_must_be_stored_is_cut_rather_than_refused() -> None:
    """A charge counts, whatever callers wrote into it."""
    assert clipped("\0a\0bcd", 3) == "abc"
    assert clipped("", 3) == ""


def test_a_day_is_one_of_the_calendar() -> None:
    """Nothing said is the default; what is wrong is quoted up to a length."""
    assert day("startDate", "2024-02-29", TODAY) == date(2024, 2, 29)
    assert day("startDate", "", TODAY) == TODAY
    for wrong in ("2026-02-29", "23.11.2026", "2026-11-23T00:00:00", "0000-01-01", "२०२६-११-२३"):
        with pytest.raises(InvalidRequest, match="startDate must be a day such as 2026-11-23"):
            day("startDate", wrong, TODAY)
    with pytest.raises(InvalidRequest) as caught:
        day("startDate", "x" * 10_000, TODAY)
    assert len(caught.value.message) < 100
