"""Streams of events that fall silent, and what happens to their heads and ends meanwhile."""

import asyncio
from collections.abc import Callable
from functools import partial

from tests.support.exchanges import Caller, request_of

from conduit_bridge.endpoints.heartbeats import COMMENT, PING, Heartbeat
from conduit_kernel.http import Stream

HEAD = b"x-early: 1\r\n"
SECONDS = 0.02


def beating(caller: Caller, seconds: float = SECONDS, head_seconds: float = 0.0) -> Heartbeat:
    """Keep an answer alive."""
    start: Callable[[bytes], Stream] = partial(request_of(caller).start, 200, ())
    return Heartbeat(start, HEAD, seconds, head_seconds)


async def sent(caller: Caller) -> bytes:
    """Wait until something is sent, and return all of it."""
    async with asyncio.timeout(1):
        while not caller.sent:  # noqa: ASYNC110 # a timer gives no event
            await asyncio.sleep(0.002)
    return caller.body


async def test_a_head_that_takes_long_is_sent_with_a_comment() -> None:
    """It is the early one; what opens the answer later gets the same stream, without a head."""
    caller = Caller()
    heartbeat = beating(caller)
    assert await sent(caller) == COMMENT
    assert HEAD in caller.sent
    assert heartbeat.stream is not None
    assert heartbeat.open(b"x-late: 1\r\n") is heartbeat.stream
    assert b"x-late" not in caller.sent
    heartbeat.stop()


async def test_clients_of_anthropics_get_its_pings() -> None:
    """In the place of comments, which some of them do not count as life."""
    caller = Caller()
    start: Callable[[bytes], Stream] = partial(request_of(caller).start, 200, ())
    heartbeat = Heartbeat(start, HEAD, SECONDS, text=PING)
    assert await sent(caller) == PING
    heartbeat.stop()


async def test_an_answer_that_opens_in_time_has_its_own_head() -> None:
    """Once, however often it is opened."""
    caller = Caller()
    heartbeat = beating(caller)
    stream = heartbeat.open(b"x-late: 1\r\n")
    assert heartbeat.open(HEAD) is stream
    assert b"x-late: 1\r\n" in caller.sent
    assert HEAD not in caller.sent
    heartbeat.stop()


async def test_only_silence_is_filled() -> None:
    """Whatever was written since the last look is life enough."""
    caller = Caller()
    heartbeat = beating(caller)
    stream = heartbeat.open(b"")
    for _ in range(20):
        stream.write(b"data: 1\n\n")
        await asyncio.sleep(SECONDS / 10)
    assert COMMENT not in caller.sent
    caller.sent = caller.sent.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    async with asyncio.timeout(1):
        while COMMENT not in caller.body:  # noqa: ASYNC110 # a timer gives no event
            await asyncio.sleep(0.002)
    heartbeat.stop()


async def test_a_stopped_heart_is_still() -> None:
    """Before the first beat and after; twice is once."""
    caller = Caller()
    heartbeat = beating(caller)
    heartbeat.stop()
    heartbeat.stop()
    await asyncio.sleep(SECONDS * 3)
    assert not caller.sent


async def test_no_heartbeat_but_a_head() -> None:
    """Where silence has no limit, the head may still have one: a single comment comes with it."""
    caller = Caller()
    heartbeat = beating(caller, 0, SECONDS)
    assert await sent(caller) == COMMENT
    await asyncio.sleep(SECONDS * 3)
    assert caller.body == COMMENT
    silent = beating(silence := Caller(), 0)
    await asyncio.sleep(SECONDS)
    assert not silence.sent
    heartbeat.stop()
    silent.stop()


async def test_an_answer_that_has_ended_has_no_more_comments() -> None:
    """Though who answers may have something to do after its end."""
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: problems.append(str(context))
    )
    for end in (Stream.finish, Stream.abort):
        caller = Caller()
        heartbeat = beating(caller)
        end(heartbeat.open(b""))
        before = caller.sent
        await asyncio.sleep(SECONDS * 3)
        assert caller.sent == before
        heartbeat.stop()
    assert problems == []


async def test_a_caller_that_left_is_written_nothing() -> None:
    """And nobody fails for it."""
    caller = Caller()
    caller.gone = True
    heartbeat = beating(caller)
    await asyncio.sleep(SECONDS * 3)
    assert not caller.sent
    heartbeat.stop()
