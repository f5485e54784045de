"""Messages of all calls of a server together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs
from tests.support.waiting import eventually

from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.rpc.message_room import MessageRoom

MOST, LARGEST, LOOK_SECONDS = 1000, 100, 0.005


class Memory:
    """A process's memory, as a test says that it is."""

    def __init__(self) -> None:
        self.in_use = 0
        self.looks = 0
        # What it is at the next looks.
        self.coming = list[int]()

    def __call__(self) -> int:
        """Return it."""
        self.looks += 1
        if self.coming:
            self.in_use = self.coming.pop(0)
        return self.in_use


class Pipe:
    """A stream of messages, which come when they are told to."""

    def __init__(self) -> None:
        self._queue = asyncio.Queue[bytes | None]()

    def bring(self, message: bytes | None) -> None:
        """Have a message come, or the end."""
        self._queue.put_nowait(message)

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield them."""
        while (message := await self._queue.get()) is not None:
            yield message


def room_of(memory: Memory) -> MessageRoom:
    """Make a room, which looks at memory often."""
    return MessageRoom(MOST, LARGEST, memory, look_seconds=LOOK_SECONDS)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""

    async def holds() -> bool:
        return condition()

    await eventually(holds)


async def received(
    room: MessageRoom, caller: str, stream: AsyncIterator[bytes], *, speaks: bool = False
) -> bytes | None:
    """Receive the message of a call that then ends."""
    with room.for_call(caller, speaks_for_others=speaks) as held:
        return await held.next(stream)


async def one(message: bytes) -> AsyncIterator[bytes]:
    """Yield a message."""
    yield message


@asynccontextmanager
async def waiting(
    room: MessageRoom, callers: list[str], *, speaks: bool = False
) -> AsyncIterator[list[asyncio.Task[bytes | None]]]:
    """Have calls wait for messages that do not come."""
    pipes = [Pipe() for _ in callers]
    tasks = [
        asyncio.create_task(received(room, caller, pipe.messages(), speaks=speaks))
        for caller, pipe in zip(callers, pipes, strict=True)
    ]
    await asyncio.sleep(0)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def ended(tasks: list[asyncio.Task[bytes | None]]) -> list[bool]:
    """Return which of the calls are refused by now."""
    return [task.done() and isinstance(task.exception(), ServiceUnavailable) for task in tasks]


async def test_messages_are_counted_until_their_calls_end() -> None:
    """Up to three quarters of the room for one caller, all of it for those who speak for others."""
    room = room_of(Memory())
    with room.for_call("a", speaks_for_others=False) as held:
        assert await held.next(one(b"x" * 750)) == b"x" * 750
        with pytest.raises(ServiceUnavailable, match="as many messages as it can") as refused:
            await received(room, "a", one(b"x"))
        assert refused.value.metadata["retry_after_ms"] == "1000"
        assert await received(room, "b", one(b"x" * 250))
        with pytest.raises(ServiceUnavailable):
            await received(room, "b", one(b"x" * 251))
    assert await received(room, "", one(b"x" * MOST), speaks=True)
    with pytest.raises(ServiceUnavailable):
        await received(room, "", one(b"x" * (MOST + 1)), speaks=True)


async def test_a_message_of_a_stream_takes_the_place_of_the_one_before() -> None:
    """However many there are: a stream that lasts for days fills no room."""
    room = room_of(Memory())
    pipe = Pipe()
    for message in [*[b"x" * 700] * 5, None]:
        pipe.bring(message)
    stream = pipe.messages()
    with room.for_call("a", speaks_for_others=False) as held:
        assert [len(await held.next(stream) or b"") for _ in range(6)] == [700] * 5 + [0]
        # The end is none: there is room for all of somebody else's.
        assert await received(room, "b", one(b"x" * 750))


async def test_memory_is_not_looked_at_while_the_largest_messages_fit() -> None:
    """So that ordinary calls pay nothing for it."""
    memory = Memory()
    room = room_of(memory)
    async with waiting(room, ["a"] * (MOST // LARGEST)):
        assert memory.looks == 0
        async with waiting(room, ["a"]):
            assert memory.looks == 1


async def test_calls_are_ended_where_memory_grows_beyond_the_room() -> None:
    """Those of whoever waits for most, and nobody else's; each is told to come again."""
    memory = Memory()
    room = room_of(memory)
    memory.in_use = 5000
    async with waiting(room, ["a"] * 3 + ["b"] * 12) as tasks:
        memory.in_use += MOST + 1
        with capture_logs() as logs:
            await until(lambda: any(task.done() for task in tasks))
        memory.in_use -= MOST
        assert await ended(tasks) == [False] * 3 + [True] * 12
    assert [(line["event"], line["calls"], line["peer"]) for line in logs] == [
        ("messages_refused", 12, "b")
    ]


async def test_what_ended_calls_had_is_given_a_moment_to_come_back() -> None:
    """Otherwise others would be ended for it, look by look."""
    memory = Memory()
    # As the first calls wait, at the look that ends some, at the one behind it, and from then on.
    memory.coming = [0, MOST + 1, MOST + 1, 0]
    room = room_of(memory)
    async with waiting(room, ["a"] * 11 + ["b"] * 12) as tasks:
        await until(lambda: memory.looks >= 5)
        assert await ended(tasks) == [False] * 11 + [True] * 12


async def test_calls_go_on_while_memory_does_not_grow_beyond_the_room() -> None:
    """What was there before, or was given back meanwhile, is none of theirs."""
    memory = Memory()
    room = room_of(memory)
    memory.in_use = 50_000
    async with waiting(room, ["a"] * 20) as tasks:
        memory.in_use += MOST
        looks = memory.looks
        await until(lambda: memory.looks >= looks + 2)
        assert not any(task.done() for task in tasks)
        # Somebody else gives back, and then these grow as much: that is theirs.
        memory.in_use = 10_000
        looks = memory.looks
        await until(lambda: memory.looks >= looks + 2)
        memory.in_use += MOST + 1
        await until(lambda: all(task.done() for task in tasks))
        assert await ended(tasks) == [True] * 20


async def test_who_speaks_for_others_is_ended_last() -> None:
    """A bridge has the calls of many, and waits for more than whoever attacks."""
    memory = Memory()
    room = room_of(memory)
    async with (
        waiting(room, ["bridge"] * 15, speaks=True) as bridges,
        waiting(room, ["b"] * 2) as others,
    ):
        memory.in_use = MOST + 1
        with capture_logs() as logs:
            await until(lambda: all(task.done() for task in bridges))
        assert await ended(others + bridges) == [True] * 17
    assert [line["peer"] for line in logs] == ["b", "bridge"]


async def test_nobody_looks_any_more_once_calls_have_their_messages() -> None:
    """A server without calls has no timer."""
    memory = Memory()
    room = room_of(memory)
    async with waiting(room, ["a"] * 20):
        looks = memory.looks
        await until(lambda: memory.looks > looks)
    looks = memory.looks
    await asyncio.sleep(4 * LOOK_SECONDS)
    assert memory.looks == looks


async def test_a_cancelled_call_is_cancelled() -> None:
    """Its caller has left: that is no lack of room."""
    room = room_of(Memory())
    async with waiting(room, ["a"]) as tasks:
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
