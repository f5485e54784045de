"""Files by URL are fetched for providers that take none, within bounds."""

from collections.abc import AsyncIterator

import pytest

from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER, ChatMessage, ContentPart, ImageUrl
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.addresses import is_public
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Exchange, HttpClient, HttpServer
from conduit_router.calls.media import MAX_BYTES, MAX_ITEMS, MediaFetcher, has_urls


async def serve(exchange: Exchange) -> None:
    """Answer as the path says."""
    match exchange.path.split("/")[1]:
        case "picture":
            exchange.respond(200, [(b"content-type", b"Image/PNG; x=y")], b"png")
        case "moved":
            exchange.respond(302, [(b"location", b"/picture")], b"")
        case "round":
            exchange.respond(302, [(b"location", b"/round")], b"")
        case "huge":
            exchange.respond(200, [], b"x" * (MAX_BYTES + 1))
        case _:
            exchange.respond(404, [], b"")


@pytest.fixture
async def host() -> AsyncIterator[str]:
    """Run a server of pictures; return its address."""
    server = HttpServer(serve)
    await server.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.port}"
    await server.drain(0.1)


@pytest.fixture
async def fetcher() -> AsyncIterator[MediaFetcher]:
    """Return a fetcher that may go anywhere."""
    client = HttpClient()
    yield MediaFetcher(client)
    await client.close()


def showing(*urls: str) -> ChatCompletionRequest:
    """Return a conversation about pictures."""
    parts = [ContentPart(image_url=ImageUrl(url=url)) for url in urls]
    return ChatCompletionRequest(messages=[ChatMessage(role=CHAT_ROLE_USER, content=parts)])


async def test_type_and_content_come_back(fetcher: MediaFetcher, host: str) -> None:
    """By the URL that the caller gave, also when it leads elsewhere."""
    found = await fetcher.fetch(showing(f"{host}/picture", f"{host}/moved"), ())
    assert found == {
        f"{host}/picture": ("image/png", b"png"),
        f"{host}/moved": ("image/png", b"png"),
    }


def test_data_urls_need_no_fetching() -> None:
    """Only what is elsewhere is fetched."""
    assert not has_urls(showing("data:image/png;base64,AAAA"))
    assert has_urls(showing("data:,", "https://example.com/x.png"))


@pytest.mark.parametrize(
    ("path", "why"),
    [("none", "answered 404"), ("round", "redirects too often"), ("huge", "larger than")],
)
async def test_what_cannot_be_had_is_the_callers_error(
    fetcher: MediaFetcher, host: str, path: str, why: str
) -> None:
    """With the reason, and without the path, which may hold a secret."""
    with pytest.raises(InvalidRequest, match=why) as refused:
        await fetcher.fetch(showing(f"{host}/{path}/token-1234", f"{host}/picture"), ())
    assert "token-1234" not in str(refused.value)


async def test_there_may_be_only_so_many(fetcher: MediaFetcher, host: str) -> None:
    """A request cannot make us fetch without end."""
    with pytest.raises(InvalidRequest, match="at most"):
        await fetcher.fetch(showing(*[f"{host}/{i}" for i in range(MAX_ITEMS + 1)]), ())


async def test_private_addresses_are_not_visited(host: str) -> None:
    """Unless the operator allows them, a URL does not lead into our own network."""
    client = HttpClient(allow_address=is_public)
    with pytest.raises(InvalidRequest, match="cannot be fetched"):
        await MediaFetcher(client).fetch(showing(f"{host}/picture"), ())
    await client.close()


async def test_what_the_provider_takes_itself_is_not_fetched(
    fetcher: MediaFetcher, host: str
) -> None:
    """Such as its own storage."""
    assert await fetcher.fetch(showing(f"{host}/none"), (host,)) == {}
