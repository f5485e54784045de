"""An answer under way, for its first caller and for those who come later."""

import asyncio
import itertools
from contextlib import aclosing

import pytest

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.errors import ServiceUnavailable, UpstreamError
from conduit_kernel.idempotency_errors import IdempotentCallUnderWay, IdempotentResultNotKept
from conduit_router.idempotency.recording import Recording

PIECE = pb.StreamChatResponse(events=b"x" * 100)


async def led(recording: Recording) -> int:
    """Return how many messages the first caller has, in the end."""
    return len([message async for message in recording.lead()])


async def followed(recording: Recording, seconds: float = 5.0) -> int:
    """Return how many messages another caller has, in the end."""
    clock = asyncio.get_running_loop().time
    return len([message async for message in recording.follow(seconds, clock)])


async def test_whoever_comes_gets_all_messages_from_the_first_on() -> None:
    """Before, while and after they come."""
    recording = Recording(b"")
    before = asyncio.create_task(led(recording)), asyncio.create_task(followed(recording))
    await asyncio.sleep(0)
    await recording.add(PIECE)
    between = asyncio.create_task(followed(recording))
    await asyncio.sleep(0)
    await recording.add(PIECE)
    recording.end()
    counts = [*await asyncio.gather(*before, between, followed(recording))]
    assert counts == [2, 2, 2, 2]


async def test_each_caller_has_an_error_of_its_own() -> None:
    """It notes whose request it was, and must not tell that of another."""
    recording = Recording(b"")
    error = UpstreamError("no", provider="p", request_id="req_1")
    recording.end(error)
    with pytest.raises(UpstreamError) as first:
        await led(recording)
    with pytest.raises(UpstreamError) as other:
        await followed(recording)
    # Nor is it the one that was met, which refers to the call that met it.
    assert len({id(error), id(first.value), id(other.value)}) == 3
    assert first.value.metadata == error.metadata
    assert other.value.metadata == {"provider": "p"}
    crash = Recording(b"")
    crash.end(ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        await followed(crash)


async def test_a_follower_waits_for_so_long() -> None:
    """For the whole of the answer, not for each of its messages."""
    recording, ticks = Recording(b""), itertools.count(0.0, 1.0)
    await recording.add(PIECE)
    async with aclosing(recording.follow(2.0, lambda: next(ticks))) as messages:
        assert await anext(messages) == PIECE
        await recording.add(PIECE)
        assert await anext(messages) == PIECE
        with pytest.raises(IdempotentCallUnderWay):
            await anext(messages)


async def test_a_long_answer_goes_to_its_first_caller_alone() -> None:
    """No faster than that one takes it, and without being remembered."""
    recording = Recording(b"", max_bytes=250)

    async def produce() -> None:
        for _ in range(50):
            await recording.add(PIECE)
        recording.end()

    producing = asyncio.create_task(produce())
    follower = asyncio.create_task(followed(recording))
    taken = 0
    async with aclosing(recording.lead()) as messages:
        async for _ in messages:
            taken += 1
            await asyncio.sleep(0)
            assert len(recording.messages) <= 3
    assert taken == 50
    await producing
    with pytest.raises(IdempotentResultNotKept):
        await follower
    assert not recording.is_whole


async def test_a_long_answer_whose_caller_left_waits_for_nobody() -> None:
    """Whoever makes it learns that nobody reads it any more."""
    recording = Recording(b"", max_bytes=150)
    async with aclosing(recording.lead()) as messages:
        await recording.add(PIECE)
        await anext(messages)
    await recording.add(PIECE)
    assert (recording.is_whole, recording.is_led) == (False, False)


async def test_the_end_is_heard_by_those_who_wait() -> None:
    """Though no message comes with it."""
    recording = Recording(b"")
    waiting = asyncio.create_task(followed(recording))
    await asyncio.sleep(0)
    recording.end(ServiceUnavailable("stopping", service="router"))
    with pytest.raises(ServiceUnavailable):
        await waiting
