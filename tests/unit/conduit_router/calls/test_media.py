"""Files by URL: what cannot be had is refused in one wording that tells nobody anything."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.scripted_upstream import Act, answer, hang, reset, serve

from conduit_kernel.addresses import is_public
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.http import Exchange, HttpClient, LocalExhausted, Response, Upload
from conduit_providers.operation import Media
from conduit_router.calls import media
from conduit_router.calls.media import MAX_HOSTS, MAX_ITEMS, MAX_REDIRECTS, MediaFetcher


@pytest.fixture
async def fetcher() -> AsyncIterator[MediaFetcher]:
    """Return a fetcher that may go anywhere."""
    client = HttpClient()
    yield MediaFetcher(client)
    await client.close()


async def picture(exchange: Exchange) -> None:
    """Send a picture."""
    exchange.respond(200, [(b"content-type", b"image/png")], b"png")


def moved(location: bytes) -> Act:
    """Lead elsewhere."""

    async def act(exchange: Exchange) -> None:
        exchange.respond(302, [(b"location", location)], b"")

    return act


async def cut(exchange: Exchange) -> None:
    """Break a picture off."""
    out = exchange.start(200, [(b"content-type", b"image/png")])
    out.write(b"pn")
    out.abort()


async def refused(fetcher: MediaFetcher, *urls: str) -> InvalidRequest:
    """Return the refusal of some URLs."""
    with pytest.raises(InvalidRequest) as raised:
        await fetcher.fetch(urls)
    return raised.value


async def test_a_picture_comes_with_its_type(fetcher: MediaFetcher) -> None:
    """By the URL that was asked for."""
    async with serve(picture) as host:
        url = f"{host.url}/a?b=c"
        assert await fetcher.fetch({url}) == {url: ("image/png", b"png")}


@pytest.mark.parametrize(
    "act",
    [
        reset,
        cut,
        answer(b"{}"),
        answer(b"{}", 404),
        moved(b"/again"),
        moved(b""),
        moved(b"ftp://a.example/"),
        moved(b"http://[::1"),
    ],
    ids=["reset", "cut", "no media", "missing", "in a circle", "nowhere", "no http", "no url"],
)
async def test_failures_cannot_be_told_apart(fetcher: MediaFetcher, act: Act) -> None:
    """Whoever has a virtual key could otherwise map what is there; secrets of the URL stay out."""
    async with serve(act) as host:
        failure = await refused(fetcher, f"{host.url}/hidden?token=secret")
    async with serve(answer(b"", 500)) as host:
        other = await refused(fetcher, f"{host.url}/hidden?token=secret")
    assert failure.message == other.message
    assert failure.metadata == {"field": "messages"}
    assert "secret" not in failure.message


async def test_redirects_end(fetcher: MediaFetcher) -> None:
    """A circle is left after a few rounds."""
    async with serve(moved(b"/again")) as host:
        await refused(fetcher, f"{host.url}/a")
        assert len(host.paths) == MAX_REDIRECTS + 1


async def test_a_host_that_hangs_is_given_up(
    fetcher: MediaFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files of a request share one time, here made short."""
    monkeypatch.setattr(media, "FETCH_SECONDS", 0.2)
    async with serve(hang) as host:
        await refused(fetcher, f"{host.url}/a", f"{host.url}/b")


@pytest.mark.parametrize(
    "url",
    ["", "data", "ftp://a.example/x", "http://", "http://[::1", "http://a b/", "http://a:99999/"],
)
async def test_what_is_no_url_is_refused_before_anything_is_sent(
    fetcher: MediaFetcher, url: str
) -> None:
    """Together with good ones, too: none of them is fetched."""
    async with serve(picture) as host:
        await refused(fetcher, f"{host.url}/a", url)
        assert host.paths == []


async def test_too_many_files_or_hosts_are_refused(fetcher: MediaFetcher) -> None:
    """By number, before anything is sent."""
    many = [f"http://a.example/{number}" for number in range(MAX_ITEMS + 1)]
    assert str(MAX_ITEMS) in (await refused(fetcher, *many)).message
    wide = [f"http://{number}.example/" for number in range(MAX_HOSTS + 1)]
    assert str(MAX_HOSTS) in (await refused(fetcher, *wide)).message


async def test_our_own_network_is_out_of_reach() -> None:
    """The client's policy holds for the first address and for where it leads."""
    client = HttpClient(allow_address=is_public)
    async with serve(picture) as host:
        await refused(MediaFetcher(client), f"{host.url}/a")
        assert host.paths == []
    await client.close()


async def test_our_own_lack_is_no_fault_of_the_callers() -> None:
    """Without descriptors a file cannot be fetched, whatever its URL."""

    class Exhausted(HttpClient):
        async def send(self, *_: object, **__: object) -> Response:
            raise LocalExhausted("no descriptors")

    client = Exhausted()
    with pytest.raises(ServiceUnavailable):
        await MediaFetcher(client).fetch({"http://127.0.0.1/x"})
    await client.close()


class Deriving:
    """An operation that makes something of each call, and counts who does at a time."""

    derives_media = True

    def __init__(self) -> None:
        self.most = self._now = 0

    def media(self, _form: object) -> tuple[str, ...]:
        """Refer to nothing."""
        return ()

    def files(self, _form: object) -> dict[str, tuple[str, Upload]]:
        """Bring nothing."""
        return {}

    def derived(self, _form: object, _media: Media) -> Media:
        """Take a moment."""
        self._now += 1
        self.most = max(self.most, self._now)
        time.sleep(0.01)
        self._now -= 1
        return {"made": ("image/png", b"")}


class DerivingCall:
    """A call of that operation."""

    form = None

    def __init__(self, operation: Deriving) -> None:
        self.operation = operation
        self.media: Media = {}
        self.media_failure: InvalidRequest | None = None


async def test_what_takes_a_processors_time_is_made_one_after_the_other(
    fetcher: MediaFetcher,
) -> None:
    """However many ask: a thread of Python that computes takes the time of all calls."""
    operation = Deriving()
    calls: list[Any] = [DerivingCall(operation) for _ in range(8)]
    found = await asyncio.gather(*(fetcher.fetch_for(call, ()) for call in calls))
    assert [*found] == [{"made": ("image/png", b"")}] * 8
    assert operation.most == 1
