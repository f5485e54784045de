"""Answers that come as messages: bounded, read as they are taken, and whole or not at all."""

import asyncio

import pytest
from tests.support.snapshots import compiled, provider, snapshot

from conduit_kernel.errors import UpstreamError, UpstreamRateLimited, UpstreamUnreachable
from conduit_kernel.http import BodyCut, Headers, HttpError, Timeouts
from conduit_router.jobs.message_source import BUFFER_BYTES, MessageSource, whole_answer
from conduit_router.routing.table import UpstreamTarget

HEADERS = Headers.of([(b"x-request-id", b"7")])


class Source(MessageSource):
    """Is fed by hand."""

    def __init__(self) -> None:
        super().__init__(Timeouts())
        self.begin(HEADERS)
        self.is_dropped = False

    def drop(self) -> None:
        """Note it."""
        self.is_dropped = True


def upstream() -> UpstreamTarget:
    """Return a provider with a key."""
    instance = compiled(snapshot([provider(1, "http://127.0.0.1:9")])).instances[1]
    return instance.keys[0].endpoint("chat")


def say_nothing(_: HttpError, __: bytes) -> None:
    """Know no more of why."""


async def test_a_whole_answer_is_all_messages() -> None:
    """Those that come while it is waited for, too; its source has nothing left to give up."""
    source = Source()
    source.add(b"one")
    task = asyncio.create_task(whole_answer(source.response, upstream(), say_nothing))
    await asyncio.sleep(0)
    source.add(b"two")
    source.finish(None)
    answer, headers = await task
    assert (answer.status, answer.body) == (200, b"onetwo")
    assert (answer.headers["x-request-id"], headers) == ("7", HEADERS)
    assert not source.is_dropped


async def test_an_answer_that_breaks_off_is_none() -> None:
    """What had come is no half answer, but may say why."""
    source, heard = Source(), []
    source.add(b"one")
    source.finish(BodyCut("it was cut"))

    def explain(error: HttpError, messages: bytes) -> None:
        heard.append((type(error), messages))

    with pytest.raises(UpstreamUnreachable):
        await whole_answer(source.response, upstream(), explain)
    assert heard == [(BodyCut, b"one")]


async def test_who_knows_why_raises_it() -> None:
    """In place of what the connection's end alone would say."""
    source = Source()
    source.finish(BodyCut("it was cut"))

    def explain(_: HttpError, __: bytes) -> None:
        raise UpstreamRateLimited("slow down", provider="P")

    with pytest.raises(UpstreamRateLimited):
        await whole_answer(source.response, upstream(), explain)


async def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that sends without end is given up."""
    monkeypatch.setattr("conduit_router.jobs.message_source.MAX_ANSWER_BYTES", 5)
    source = Source()
    source.add(b"123456")
    with pytest.raises(UpstreamError, match="too large"):
        await whole_answer(source.response, upstream(), say_nothing)
    assert source.is_dropped


async def test_nothing_is_read_that_nobody_takes() -> None:
    """Until the reader comes for more."""
    source = Source()
    source.add(bytes(BUFFER_BYTES))
    await source.until_wanted()
    source.add(b"1")
    waiting = asyncio.create_task(source.until_wanted())
    await asyncio.sleep(0)
    assert source.response.paused
    assert not waiting.done()
    assert len(await source.response.next()) == BUFFER_BYTES + 1
    await waiting
    source.response.close()


async def test_a_reader_who_left_hears_no_other_end() -> None:
    """It closed the answer, and that is how the answer ended."""
    source = Source()
    source.response.close()
    source.finish(None)
    assert source.is_dropped
    with pytest.raises(BodyCut):
        await source.response.next()
