"""Records that wait for a slow client, in bounds."""

import asyncio

from tests.support.clock import settle

from conduit_bridge.signalr.outbox import CROWDED_CHARS, MAX_CHARS, MAX_RECORDS, Outbox


async def test_records_leave_in_their_order() -> None:
    """Whoever asks before there is one waits for it."""
    outbox = Outbox()
    getting = asyncio.ensure_future(outbox.get())
    await settle()
    assert not getting.done()
    for record in ("a", "b", "c"):
        outbox.put(record)
    assert [await getting, await outbox.get(), await outbox.get()] == ["a", "b", "c"]
    assert outbox.is_empty


async def test_a_crowd_lets_nobody_in_until_most_have_left() -> None:
    """Whoever reads the client's calls waits, and so does the client."""
    outbox = Outbox()
    half = "x" * (CROWDED_CHARS // 2)
    for record in (half, half):
        outbox.put(record)
    await outbox.wait_spacious()
    outbox.put("x")
    waiting = asyncio.ensure_future(outbox.wait_spacious())
    await settle()
    assert not waiting.done()
    await outbox.get()
    await waiting


async def test_what_has_no_room_is_lost_and_told() -> None:
    """By its length, or by the number of them."""
    outbox = Outbox()
    outbox.put("x" * MAX_CHARS)
    assert not outbox.overflowed.is_set()
    outbox.put("y")
    assert outbox.overflowed.is_set()
    assert len(await outbox.get()) == MAX_CHARS
    assert outbox.is_empty
    many = Outbox()
    for _ in range(MAX_RECORDS):
        many.put("")
    assert not many.overflowed.is_set()
    many.put("")
    assert many.overflowed.is_set()


async def test_a_reader_that_gives_up_takes_nothing() -> None:
    """The next one gets the record."""
    outbox = Outbox()
    getting = asyncio.ensure_future(outbox.get())
    await settle()
    getting.cancel()
    outbox.put("a")
    await asyncio.gather(getting, return_exceptions=True)
    assert await outbox.get() == "a"
