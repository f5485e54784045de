"""What the Registry accepts, without a Registry."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from conduit_kernel.errors import AddressNotAllowed, InvalidRequest, KeyNotFound
from conduit_kernel.pagination import Page, page_of
from conduit_registry.rules import addresses as rules
from conduit_registry.rules.addresses import Addresses
from conduit_registry.rules.fields import key_number


async def test_every_address_of_a_name_must_be_public() -> None:
    """One that leads inside is enough to refuse it."""

    async def resolve(host: str) -> Sequence[str]:
        if host == "unknown.example":
            raise socket.gaierror
        return ["8.8.8.8", "10.0.0.1"] if host == "mixed.example" else ["8.8.8.8"]

    check = Addresses(allow_private=False, resolve=resolve).check
    assert await check("https://good.example/v1//") == "https://good.example/v1"
    assert await check("https://unknown.example") == "https://unknown.example"
    assert await check("") == ""
    for host in ("mixed.example", "metadata.google.internal", "LOCALHOST.", "a.localhost"):
        with pytest.raises(AddressNotAllowed):
            await check(f"https://{host}/v1")
    allowed = Addresses(allow_private=True, resolve=resolve)
    assert await allowed.check("http://mixed.example:8080") == "http://mixed.example:8080"


async def test_a_look_up_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the name accepted, as one that nobody knows."""
    monkeypatch.setattr(rules, "RESOLVE_SECONDS", 0.01)

    async def hang(_host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with asyncio.timeout(5):
        assert await Addresses(allow_private=False, resolve=hang).check("https://slow.example")


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https://example.com:99999",
        "https://[::1",
        "https://exa mple.com",
        "https://me:hidden@example.com",
        "https://example.com/v1?key=hidden",
        "https://example.com/#hidden",
        "https://example.com/" + "x" * 2000,
    ],
)
async def test_what_is_no_plain_url_is_refused_without_being_quoted(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(InvalidRequest) as caught:
        await Addresses(allow_private=True).check(url)
    assert caught.value.metadata["field"] == "baseUrl"
    assert "hidden" not in caught.value.message


def test_key_ids_read_with_and_without_their_prefix() -> None:
    """Nothing else is one."""
    assert (key_number("key_12"), key_number("12")) == (12, 12)
    for wrong in ("", "key_", "key_-1", "Key_1", "key_1 ", "key_٣", "9" * 19, "1.0"):
        with pytest.raises(KeyNotFound):
            key_number(wrong)


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    """The last page has no token, also when it is full."""
    page = page_of(2, "", "things", "filter")
    assert page == Page(2, 0, "things\0filter")
    items, token = page.cut([3, 5, 8], int)
    assert items == [3, 5]
    following = page_of(2, token, "things", "filter")
    assert following.after == 5
    assert following.cut([8, 9], int) == ([8, 9], "")


def test_a_token_belongs_to_one_list() -> None:
    """Of another list, cut off, changed or made up, it is refused."""
    _, token = page_of(1, "", "things").cut([1, 2], int)
    for wrong in (token[:-1], token[::-1], token + "A", "é", "=", "x" * 10_000):
        with pytest.raises(InvalidRequest):
            page_of(1, wrong, "things")
    with pytest.raises(InvalidRequest):
        page_of(1, token, "others")
