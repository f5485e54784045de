"""Files by URL are fetched for providers that take none, within bounds."""

import asyncio
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from tests.integration.router.conftest import Runner
from tests.support.snapshots import mapping, provider, snapshot

from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER, ChatMessage, ContentPart, ImageUrl
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.addresses import is_public
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Exchange, HttpClient, HttpServer
from conduit_providers.operations.chat import urls_of
from conduit_router.calls.media import (
    MAX_BYTES,
    MAX_HOSTS,
    MAX_ITEMS,
    MAX_PARALLEL,
    MediaFetcher,
)

PICTURE = [(b"content-type", b"Image/PNG; x=y")]


class Host:
    """A server of pictures and of other things."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.busy = self.busiest = 0

    async def __call__(self, exchange: Exchange) -> None:
        """Answer as the path says."""
        self.paths.append(exchange.path)
        match exchange.path.split("/")[1]:
            case "picture":
                exchange.respond(200, PICTURE, b"png")
            case "slow":
                await self._slow(exchange)
            case "moved":
                exchange.respond(302, [(b"location", b"/picture")], b"")
            case "to":
                exchange.respond(302, [(b"location", exchange.query.encode())], b"")
            case "round":
                exchange.respond(302, [(b"location", b"/round")], b"")
            case "half":
                exchange.respond(200, PICTURE, b"x" * (MAX_BYTES // 2 + 1))
            case "typed":
                exchange.respond(200, [(b"content-type", exchange.query.encode())], b"secret")
            case "untyped":
                exchange.respond(200, [], b"secret")
            case _:
                exchange.respond(404, PICTURE, b"")

    async def _slow(self, exchange: Exchange) -> None:
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        # Long enough for as many others as may come.
        await asyncio.sleep(0.02)
        self.busy -= 1
        exchange.respond(200, PICTURE, b"png")


@pytest.fixture
async def server() -> AsyncIterator[Host]:
    """Run a server of pictures."""
    host = Host()
    server = HttpServer(host)
    await server.start("127.0.0.1", 0)
    host.url = f"http://127.0.0.1:{server.port}"
    yield host
    await server.drain(0.1)


@pytest.fixture
async def host(server: Host) -> str:
    """Return the address of the server."""
    return server.url


@pytest.fixture
async def fetcher() -> AsyncIterator[MediaFetcher]:
    """Return a fetcher that may go anywhere; every name leads to this machine."""

    async def here(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    client = HttpClient(resolve=here)
    yield MediaFetcher(client)
    await client.close()


async def refusal(fetcher: MediaFetcher, *urls: str) -> str:
    """Expect that a conversation's files cannot be had; return what the caller is told."""
    with pytest.raises(InvalidRequest) as refused:
        await fetcher.fetch(urls_of(showing(*urls)))
    return str(refused.value)


def showing(*urls: str) -> ChatCompletionRequest:
    """Return a conversation about pictures."""
    parts = [ContentPart(image_url=ImageUrl(url=url)) for url in urls]
    return ChatCompletionRequest(messages=[ChatMessage(role=CHAT_ROLE_USER, content=parts)])


async def test_type_and_content_come_back(fetcher: MediaFetcher, host: str) -> None:
    """By the URL that the caller gave, also when it leads elsewhere."""
    found = await fetcher.fetch(urls_of(showing(f"{host}/picture", f"{host}/moved")))
    assert found == {
        f"{host}/picture": ("image/png", b"png"),
        f"{host}/moved": ("image/png", b"png"),
    }


def test_data_urls_need_no_fetching() -> None:
    """Only what is elsewhere is fetched."""
    assert urls_of(showing("data:image/png;base64,AAAA")) == set()
    assert urls_of(showing("data:,", "https://example.com/x.png")) == {"https://example.com/x.png"}


@pytest.mark.parametrize(
    "media_type", ["image/webp", "video/mp4", "audio/mpeg", "application/pdf", "APPLICATION/PDF"]
)
async def test_media_are_taken(fetcher: MediaFetcher, host: str, media_type: str) -> None:
    """Pictures, films, sounds and PDFs."""
    url = f"{host}/typed?{media_type}"
    assert await fetcher.fetch(urls_of(showing(url))) == {url: (media_type.lower(), b"secret")}


async def test_all_failures_are_told_alike(fetcher: MediaFetcher, host: str) -> None:
    """So that nobody learns what is there, nor sees a path, which may hold a secret."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]
    paths = ["none", "round", "typed?text/plain", "typed?application/json", "untyped"]
    paths += ["typed?text/html", "to?http://[::1", "to?http://x:99999/", "to?ftp://x/", "to?"]
    paths += ["to?file:///etc/passwd", "é"]
    told = {await refusal(fetcher, f"{host}/{path}#token-1234") for path in paths}
    told.add(await refusal(fetcher, f"http://127.0.0.1:{closed}/"))
    # A port that listens and says nothing of HTTP.
    mute = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with mute:
        told.add(await refusal(fetcher, f"http://127.0.0.1:{mute.sockets[0].getsockname()[1]}/"))
    forbidding = HttpClient(allow_address=is_public)
    told.add(await refusal(MediaFetcher(forbidding), f"{host}/picture"))
    await forbidding.close()
    assert len(told) == 1
    assert "127.0.0.1 cannot be fetched" in told.pop()


async def test_a_port_that_hangs_is_told_alike(
    fetcher: MediaFetcher, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the waiting ends."""
    monkeypatch.setattr("conduit_router.calls.media.FETCH_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
        told = await refusal(fetcher, f"http://127.0.0.1:{port}/")
    assert told == await refusal(fetcher, f"{host}/none")


@pytest.mark.parametrize(
    "url",
    [
        "http://x:99999/",
        "http://x:y/",
        "http://[::1",
        "http://",
        "https:///x",
        "http://a b/",
        "http://a\0b/",
    ],
)
async def test_what_is_no_url_is_the_callers_error(
    fetcher: MediaFetcher, host: str, url: str
) -> None:
    """And nothing else is asked for meanwhile."""
    assert "no http or https URL" in await refusal(fetcher, f"{host}/picture", url)


async def test_all_files_together_are_bounded(fetcher: MediaFetcher, host: str) -> None:
    """Not each of them alone."""
    one, other = f"{host}/half/1", f"{host}/half/2"
    assert len(await fetcher.fetch(urls_of(showing(one)))) == 1
    assert "20 MiB" in await refusal(fetcher, one, other)


async def test_only_so_many_are_fetched_at_once(fetcher: MediaFetcher, server: Host) -> None:
    """The others wait."""
    urls = [f"{server.url}/slow/{number}" for number in range(MAX_ITEMS)]
    assert len(await fetcher.fetch(urls_of(showing(*urls)))) == MAX_ITEMS
    assert server.busiest == MAX_PARALLEL


async def test_there_may_be_only_so_many_hosts(fetcher: MediaFetcher, server: Host) -> None:
    """Each is a name to look up; those that redirects lead to count, too."""
    port = urlsplit(server.url).port
    urls = [f"http://{number}.test:{port}/picture" for number in range(MAX_HOSTS + 1)]
    assert "4 different hosts" in await refusal(fetcher, *urls)
    assert server.paths == []
    assert len(await fetcher.fetch(urls_of(showing(*urls[1:])))) == MAX_HOSTS
    moved = f"http://1.test:{port}/to?{urls[0]}"
    assert "cannot be fetched" in await refusal(fetcher, moved, *urls[1:])
    assert len(await fetcher.fetch(urls_of(showing(moved)))) == 1


async def test_there_may_be_only_so_many(fetcher: MediaFetcher, host: str) -> None:
    """A request cannot make us fetch without end."""
    with pytest.raises(InvalidRequest, match="at most"):
        await fetcher.fetch(urls_of(showing(*[f"{host}/{i}" for i in range(MAX_ITEMS + 1)])))


async def test_redirects_go_through_the_guard(server: Host) -> None:
    """Each address is judged when it is connected to, whichever way it was come by."""
    port = urlsplit(server.url).port

    async def resolve(host: str, _port: int) -> list[str]:
        return ["127.0.0.1" if host == "outside.test" else "127.0.0.2"]

    client = HttpClient(resolve=resolve, allow_address=lambda address: address == "127.0.0.1")
    for inside in (f"http://127.0.0.2:{port}/picture", f"http://inside.test:{port}/picture"):
        assert "at outside.test" in await refusal(
            MediaFetcher(client), f"http://outside.test:{port}/to?{inside}"
        )
    assert server.paths == ["/to", "/to"]
    await client.close()


@pytest.mark.parametrize("allowed", [False, True])
async def test_callers_see_this_machine_only_where_media_may(
    bench: Runner, server: Host, *, allowed: bool
) -> None:
    """That providers may be in private networks, as is the default on loopback, is not enough."""
    instance = provider(1, "http://127.0.0.1:1", provider_type="Ollama")
    source = snapshot([instance], mappings=[mapping(1, 1)])
    run = await bench(source, allow_private_media=allowed)
    port = urlsplit(server.url).port
    for host in ("127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]"):
        url = f"http://{host}:{port}/typed?text/plain"
        content = [{"type": "image_url", "image_url": {"url": url}}]
        with pytest.raises(InvalidRequest, match="cannot be fetched") as refused:
            await run.chat(messages=[{"role": "user", "content": content}])
        assert "secret" not in str(refused.value)
    assert (server.paths != []) is allowed
