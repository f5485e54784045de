"""What other providers want back, inside of Anthropic's blocks."""

from base64 import urlsafe_b64encode

import pytest

from conduit_providers.inbound.sealed_thoughts import is_sealed, merged, opened, sealed


def test_members_come_back_as_they_were() -> None:
    """In any language, and nested."""
    members = {"details": [{"text": "Grüße", "index": 0}], "calls": {"c1": {"x": None}}}
    assert opened(sealed(members)) == members
    assert is_sealed(sealed(members))


def test_nothing_is_sealed_as_nothing() -> None:
    """So that a thought which nobody wants back has no signature."""
    assert sealed({}) == ""
    assert not is_sealed("")


@pytest.mark.parametrize(
    "text",
    [
        "EqQBCgIYAhIM",
        "conduit.%%%",
        "conduit.é",
        "conduit." + urlsafe_b64encode(b"[1]").decode(),
        "conduit." + urlsafe_b64encode(b"{").decode(),
        "conduit." + urlsafe_b64encode(b"[" * 9999).decode(),
    ],
)
def test_what_was_changed_is_no_members(text: str) -> None:
    """A caller may send anything; none of it is an error of ours."""
    assert opened(text) is None


def test_later_pieces_go_on_where_earlier_ones_ended() -> None:
    """Lists are joined, objects merged, the rest is replaced."""
    first = {"a": [1], "b": {"c": [1], "d": 1}, "e": 1}
    assert merged(first, {"a": [2], "b": {"c": [2]}, "e": 2, "f": 3}) == {
        "a": [1, 2],
        "b": {"c": [1, 2], "d": 1},
        "e": 2,
        "f": 3,
    }
