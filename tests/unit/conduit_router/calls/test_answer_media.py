"""What an answer names by address: what cannot be had is the provider's fault, not the caller's."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.scripted_upstream import answer, hang, serve

from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import Exchange, HttpClient
from conduit_router.calls.answer_media import MAX_BYTES, answered_media
from conduit_router.calls.media import MAX_BYTES as OF_CALLERS
from conduit_router.calls.media import Media, MediaFetcher


async def fetched(urls: set[str], seconds: float = 30.0) -> Media:
    """Fetch for an attempt that has so long."""
    client = HttpClient()
    runtime = SimpleNamespace(media=MediaFetcher(client))
    scope = SimpleNamespace(runtime=runtime, left=lambda: seconds)
    attempt = SimpleNamespace(key=SimpleNamespace(provider_name="P"))
    try:
        return await answered_media(cast("Any", scope), cast("Any", attempt), urls)
    finally:
        await client.close()


async def picture(exchange: Exchange) -> None:
    """Send a picture that is larger than what callers may name."""
    exchange.respond(200, [(b"content-type", b"image/png")], b"x" * (OF_CALLERS + 1))


async def test_images_may_be_as_large_as_answers_are() -> None:
    """A provider sends as much in an answer."""
    async with serve(picture) as host:
        found = await fetched({host.url})
    assert len(found[host.url][1]) == OF_CALLERS + 1
    assert MAX_BYTES > OF_CALLERS


@pytest.mark.parametrize("act", [answer(b"{}", 404), answer(b"<html>")])
async def test_what_is_not_there_is_an_error_of_the_provider(act: Any) -> None:  # noqa: ANN401 # what serves
    """Its name is told, the address is not."""
    async with serve(act) as host:
        with pytest.raises(UpstreamError, match="What P answered") as raised:
            await fetched({host.url})
        assert host.url not in str(raised.value)


async def test_nobody_waits_beyond_the_callers_time() -> None:
    """What hangs is given up."""
    async with serve(hang) as host, asyncio.timeout(10):
        with pytest.raises(UpstreamError):
            await fetched({host.url}, 0.05)
