"""What is made of an environment's texts."""

import pytest

from conduit_kernel.variables import flag, names_of, number, optional_number, positive, required


def test_names_stand_between_commas() -> None:
    """Blanks around them, and names that are not there, are nobody's."""
    assert names_of({"A": " a, ,b c,"}, "A") == ["a", "b c"]
    assert names_of({}, "A") == []


def test_what_is_empty_is_not_set() -> None:
    """Compose files and unit files set variables to nothing."""
    env = {"A": ""}
    assert (number(env, "A", 7), positive(env, "A", 7), flag(env, "A")) == (7, 7, False)
    assert optional_number(env, "A") is None
    with pytest.raises(ValueError, match="A is not set"):
        required(env, "A")


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", " 1", "0x1", "one"])
def test_other_texts_are_no_numbers(text: str) -> None:
    """And are told with their name."""
    with pytest.raises(ValueError, match="A must be a whole number, not"):
        number({"A": text}, "A", 1)
    with pytest.raises(ValueError, match="A must be a whole number, not"):
        optional_number({"A": text}, "A")


def test_some_numbers_are_at_least_one() -> None:
    """Where none of something makes no sense."""
    assert number({"A": "0"}, "A", 1) == 0
    assert optional_number({"A": "0"}, "A") == 0
    with pytest.raises(ValueError, match="A must be at least 1"):
        positive({"A": "0"}, "A", 1)


def test_flags_are_true_or_false() -> None:
    """In whichever of the usual words; what is neither is an error rather than false."""
    assert [flag({"A": text}, "A") for text in ("1", "TRUE", "yes")] == [True] * 3
    assert [flag({"A": text}, "A") for text in ("0", "False", "no")] == [False] * 3
    with pytest.raises(ValueError, match="A must be true or false, not 'on'"):
        flag({"A": "on"}, "A")
