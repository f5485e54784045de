"""Codes of errors, without what AWS writes around them."""

import pytest

from conduit_providers.error_codes import MESSAGE_NAMES, STATUS_NAMES, bare_code


@pytest.mark.parametrize(
    ("code", "bare"),
    [
        ("ThrottlingException", "ThrottlingException"),
        ("ThrottlingException:http://internal.amazon.com/coral/", "ThrottlingException"),
        ("com.amazon.coral.service#AccessDeniedException", "AccessDeniedException"),
        ("a#b#Name: x", "Name"),
        ("", ""),
        (None, ""),
        (7, ""),
        ({"a": 1}, ""),
    ],
)
def test_a_code_is_a_name_alone(code: object, bare: str) -> None:
    """What is no text is none."""
    assert bare_code(code) == bare


def test_the_most_telling_name_comes_first() -> None:
    """An error with a message and a title is told by its message."""
    assert MESSAGE_NAMES[0] == "message"
    assert MESSAGE_NAMES[-1] == "title"
    assert STATUS_NAMES[0] == "code"
