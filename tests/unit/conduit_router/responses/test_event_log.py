"""What a response's stream has said so far."""

import asyncio

import pytest

from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_router.responses.event_log import EventLog, LoggedEvent, events_in


def event(number: int, text: str = "") -> LoggedEvent:
    """Return an event."""
    data = f'{{"type":"e","sequence_number":{number},"text":"{text}"}}'
    return LoggedEvent(number, f"event: e\ndata: {data}\n\n".encode())


async def read(log: EventLog, number: int) -> bytes:
    """Return what is behind a number."""
    return b"".join([sse async for sse in log.after(number)])


def test_events_are_told_apart_with_their_numbers() -> None:
    """Whatever came together; one that says no number has none."""
    whole = event(0).sse + event(7).sse + b"data: x\n\n"
    assert [each.number for each in events_in(whole)] == [0, 7, -1]
    assert b"".join(each.sse for each in events_in(whole)) == whole
    assert next(events_in(event(3).sse)).data == event(3).data


async def test_readers_get_what_is_behind_their_number_and_what_comes() -> None:
    """Each at its own pace, whether they came early or late."""
    log = EventLog()
    log.add(event(0))
    early, late = asyncio.create_task(read(log, -1)), asyncio.create_task(read(log, 1))
    await asyncio.sleep(0)
    for number in (1, 2, 3):
        log.add(event(number))
        await asyncio.sleep(0)
    log.end()
    assert await early == b"".join(event(number).sse for number in range(4))
    assert await late == event(2).sse + event(3).sse
    assert await read(log, 3) == b""
    assert log.sse == await early


async def test_what_was_forgotten_is_not_told_as_if_it_had_not_been() -> None:
    """The oldest events make room; who asks for them is told to get the response whole."""
    log = EventLog(max_bytes=3 * len(event(0, "x" * 100).sse))
    for number in range(6):
        log.add(event(number, "x" * 100))
    log.end()
    assert not log.is_whole
    with pytest.raises(InvalidRequest):
        await read(log, 1)
    assert await read(log, 2) == b"".join(event(n, "x" * 100).sse for n in (3, 4, 5))


async def test_who_waits_for_the_beginning_hears_why_there_is_none() -> None:
    """Or that there is one."""
    log = EventLog()
    waiting = asyncio.create_task(log.begun())
    await asyncio.sleep(0)
    assert not waiting.done()
    log.add(event(0))
    await waiting
    stopped = EventLog()
    stopped.end()
    with pytest.raises(ServiceUnavailable):
        await stopped.begun()
    failed = EventLog()
    failed.end(ServiceUnavailable("away", service="x"))
    with pytest.raises(ServiceUnavailable):
        await failed.begun()
