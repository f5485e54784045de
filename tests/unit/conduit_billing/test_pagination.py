"""Pages of Billing's lists."""

import base64

import pytest

from conduit_billing.pagination import DEFAULT_SIZE, MAX_SIZE, Page, number_in, page_of
from conduit_kernel.errors import InvalidRequest


def token_of(cursor: str) -> str:
    """Return a token that anybody could make up."""
    return base64.urlsafe_b64encode(b"p1:" + cursor.encode()).decode().rstrip("=")


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    """The last page has no token, also when it is full."""
    page = page_of(2, "")
    assert page == Page(2, "")
    items, token = page.cut([3, 5, 8], str)
    assert items == [3, 5]
    following = page_of(2, token)
    assert number_in(following) == 5
    assert following.cut([8, 9], str) == ([8, 9], "")
    assert number_in(page) == 0


def test_a_size_has_a_default_and_a_limit() -> None:
    """None at all means the default."""
    assert page_of(0, "").size == DEFAULT_SIZE
    assert page_of(MAX_SIZE, "").size == MAX_SIZE
    for wrong in (-1, MAX_SIZE + 1):
        with pytest.raises(InvalidRequest) as caught:
            page_of(wrong, "")
        assert caught.value.metadata["field"] == "pageSize"


@pytest.mark.parametrize(
    "token", ["x", "=", "é", "cDE6=A", "x" * 10_000, "cDI6NQ", token_of("5")[:-2] + "\n"]
)
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    """Cut off, changed, of another kind or made up."""
    with pytest.raises(InvalidRequest) as caught:
        page_of(0, token)
    assert caught.value.metadata["field"] == "pageToken"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", " 1", "9" * 19, "9" * 5_000])
def test_a_number_is_one_that_a_database_can_hold(cursor: str) -> None:
    """A token of another list has none; one that was made up may have any."""
    with pytest.raises(InvalidRequest) as caught:
        number_in(page_of(0, token_of(cursor)) if cursor.isascii() else Page(1, cursor))
    assert caught.value.metadata["field"] == "pageToken"
