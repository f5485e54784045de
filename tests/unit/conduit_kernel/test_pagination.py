"""Pages of lists that are in memory."""

import base64
import hashlib
from collections.abc import Callable

import pytest

from conduit.v1.provider_health_requests_pb2 import ListHealthHistoryRequest
from conduit.v1.provider_requests_pb2 import ListProvidersRequest
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.pagination import Page, page_of, text_page_of

ITEMS = [3, 5, 8, 13, 21]


def asked(size: int, token: str) -> ListProvidersRequest:
    """Return a request for a page."""
    return ListProvidersRequest(page_size=size, page_token=token)


def by_id(page: Page[int]) -> tuple[list[int], str]:
    """Cut a page out of things that are their own ids."""
    items, token = page.pick(ITEMS, lambda each: each)
    return list(items), token


def by_place(page: Page[int]) -> tuple[list[int], str]:
    """Cut a page by the places of things."""
    items, token = page.slice(ITEMS)
    return list(items), token


@pytest.mark.parametrize("cut", [by_id, by_place])
@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_pages_make_up_the_list(
    cut: Callable[[Page[int]], tuple[list[int], str]], size: int
) -> None:
    """In its order, each thing once; the last page has no token."""
    found, token = cut(page_of(asked(size, ""), "numbers"))
    while token:
        assert len(found) % size == 0
        more, token = cut(page_of(asked(size, token), "numbers"))
        assert more
        found += more
    assert found == ITEMS


def test_what_comes_and_goes_meanwhile_does_not_shift_a_page_by_id() -> None:
    """The next page begins behind the last one's end, wherever that is by then."""
    _, token = by_id(page_of(asked(2, ""), "numbers"))
    items, _ = page_of(asked(2, token), "numbers").pick([1, 2, 3, 8, 9], lambda each: each)
    assert items == [8, 9]


def test_a_token_of_another_list_is_refused() -> None:
    """Rather than answered with what nobody asked for."""
    _, token = by_id(page_of(asked(2, ""), "numbers", 1))
    with pytest.raises(InvalidRequest, match="pageToken"):
        page_of(asked(2, token), "numbers", 2)


def test_a_list_can_have_a_size_of_its_own() -> None:
    """A default, and the limit that the contract has for its request."""
    assert page_of(ListHealthHistoryRequest(), "history", default=1000).size == 1000
    longest = ListHealthHistoryRequest(page_size=10_000)
    assert page_of(longest, "history").size == 10_000
    longest.page_size += 1
    with pytest.raises(InvalidRequest, match="pageSize must be from 0 to 10,000"):
        page_of(longest, "history")
    for wrong in (-1, 1_001):
        with pytest.raises(InvalidRequest, match="pageSize must be from 0 to 1,000"):
            text_page_of(asked(wrong, ""), "names")


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    """The last page has no token, also when it is full."""
    page = page_of(asked(2, ""), "things", "filter")
    assert page == Page(2, 0, "things\0filter")
    items, token = page.cut([3, 5, 8], int)
    assert items == [3, 5]
    following = page_of(asked(2, token), "things", "filter")
    assert following.after == 5
    assert following.cut([8, 9], int) == ([8, 9], "")


def test_a_token_belongs_to_one_list() -> None:
    """Of another list, cut off, changed or made up, it is refused."""
    _, token = page_of(asked(1, ""), "things").cut([1, 2], int)
    for wrong in (token[:-1], token[::-1], token + "A", "é", "=", "x" * 10_000):
        with pytest.raises(InvalidRequest):
            page_of(asked(1, wrong), "things")
    with pytest.raises(InvalidRequest):
        page_of(asked(1, token), "others")


def test_pages_of_things_with_texts_for_ids_make_up_the_list() -> None:
    """Such as charges; a token of a list with numbers is none of theirs, nor the other way."""
    names = ["a", "b", "\u00e9"]
    found, token = text_page_of(asked(2, ""), "names").pick(names, lambda each: each)
    rest, end = text_page_of(asked(2, token), "names").pick(names, lambda each: each)
    assert [*found, *rest] == names
    assert end == ""
    with pytest.raises(InvalidRequest, match="pageToken"):
        page_of(asked(2, token), "names")


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\0" * 7, b"\0" * 9])
def test_a_made_up_token_reaches_no_database(data: bytes) -> None:
    """No id is below zero, or larger than a database holds."""
    digest = hashlib.blake2b(b"numbers\0" + data, digest_size=6).digest()
    token = base64.urlsafe_b64encode(digest + data).decode().rstrip("=")
    with pytest.raises(InvalidRequest, match="pageToken"):
        page_of(asked(2, token), "numbers")


def test_a_made_up_token_of_a_list_of_texts_is_a_text_all_the_same() -> None:
    """It gives nothing that the list does not."""
    digest = hashlib.blake2b(b"names\0\xff", digest_size=6).digest()
    token = base64.urlsafe_b64encode(digest + b"\xff").decode().rstrip("=")
    assert text_page_of(asked(2, token), "names").after == "\ufffd"
