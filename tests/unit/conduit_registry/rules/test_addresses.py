"""Which addresses operators may give to providers."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from conduit_kernel.errors import AddressNotAllowed, InvalidRequest
from conduit_registry.rules import addresses as rules
from conduit_registry.rules.addresses import Addresses, look_up


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
    for host in (
        *("mixed.example", "metadata.google.internal", "LOCALHOST.", "a.localhost"),
        *("[fe80::1%25lo]", "[v1.fe80::1]", "[::1]"),
    ):
        with pytest.raises(AddressNotAllowed):
            await check(f"https://{host}/v1")
    allowed = Addresses(allow_private=True, resolve=resolve)
    assert await allowed.check("http://mixed.example:8080") == "http://mixed.example:8080"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://llm.example/v1/chat/completions", "https://llm.example/v1"),
        ("https://llm.example/v1/chat/completions/", "https://llm.example/v1"),
        ("https://llm.example/v1/completions", "https://llm.example/v1"),
        ("https://llm.example/v1/embeddings", "https://llm.example/v1"),
        ("https://llm.example/v1/messages", "https://llm.example/v1"),
        ("https://llm.example/v1/responses", "https://llm.example/v1"),
        ("https://llm.example/v1/v1", "https://llm.example/v1"),
    ],
)
async def test_a_url_of_an_endpoint_is_no_base(url: str, base: str) -> None:
    """What is added to it would be there twice, and each call a 404 that speaks of the model."""
    check = Addresses(allow_private=True).check
    with pytest.raises(InvalidRequest, match=f"give {base}$") as caught:
        await check(url)
    assert caught.value.metadata["field"] == "baseUrl"
    assert await check(base) == base


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
        "https://example.com/v1?",
        "https://example.com/v1#",
        "https://example.com/" + "x" * 2000,
    ],
)
async def test_what_is_no_plain_url_is_refused_without_being_quoted(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(InvalidRequest) as caught:
        await Addresses(allow_private=True).check(url)
    assert caught.value.metadata["field"] == "baseUrl"
    assert "hidden" not in caught.value.message


async def test_a_literal_address_needs_no_look_up() -> None:
    """In whichever spelling the system reads it."""
    for url in ("http://127.0.0.1:8000", "http://[::1]/v1", "http://0x7f.1", "http://2130706433"):
        with pytest.raises(AddressNotAllowed, match="not a public address"):
            await Addresses(allow_private=False).check(url)
    assert await Addresses(allow_private=False).check("http://8.8.8.8") == "http://8.8.8.8"


async def test_what_the_system_cannot_look_up_is_an_error_of_it() -> None:
    """It leaves `check` to accept such names: also those that no name can be."""
    assert await look_up("127.0.0.1") == ["127.0.0.1"]
    with pytest.raises((OSError, UnicodeError)):
        await look_up("x" * 70 + ".example")
    url = "https://" + "x" * 70 + ".example"
    assert await Addresses(allow_private=False).check(url) == url


async def test_an_error_names_the_field_that_was_asked_about() -> None:
    """Keys have addresses of their own."""
    with pytest.raises(InvalidRequest, match=r"^keys\.baseUrl must be a URL") as caught:
        await Addresses(allow_private=True).check("nowhere", "keys.baseUrl")
    assert caught.value.metadata["field"] == "keys.baseUrl"
