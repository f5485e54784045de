"""Responses that a router has kept, beside a real Storage."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from structlog.testing import capture_logs
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost

from conduit.internal.v1.response_storage_service_pb2 import KeptResponse
from conduit_kernel.background import Background
from conduit_kernel.errors import RequestTooLarge, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import ResponseNotFound
from conduit_kernel.secrets import Vault
from conduit_router.responses.contents import ResponseRecord, content_of, sealed
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.storage import ResponseStorage

NOW = 1_795_435_200.0
VAULT = Vault(ENCRYPTION_KEY)
CONTENT = content_of(b'"Hello"', b'{"id":"resp_1","output":[]}')


def record(name: str = "resp_1", previous: str = "", content: bytes = CONTENT) -> ResponseRecord:
    """Return a response of virtual key 1."""
    return ResponseRecord(name, 1, previous, 7, "key_1", "group", content)


def keeper(storage: ResponseStorage, *pauses: float, most: int = 1 << 20) -> ResponseKeeper:
    """Return what keeps responses."""
    return ResponseKeeper(storage, VAULT, lambda: NOW, pauses=pauses, max_waiting_bytes=most)


@asynccontextmanager
async def looping(kept: ResponseKeeper) -> AsyncIterator[None]:
    """Tell Storage of responses for as long as this lasts."""
    background = Background()
    kept.run(background)
    try:
        yield
    finally:
        await kept.close()
        await background.stop()


async def test_what_was_kept_is_found_as_it_was(storage: ResponseStorage) -> None:
    """At the router that waits to tell of it, and at any other once it has."""
    here, there = keeper(storage), keeper(storage)
    here.keep(record())
    here.keep(record("resp_2", "resp_1"))
    expected = [record(), record("resp_2", "resp_1")]
    assert list(await here.find(1, "resp_2")) == expected
    with pytest.raises(ResponseNotFound):
        await there.find(1, "resp_2")
    await here.deliver()
    assert list(await there.find(1, "resp_2")) == expected
    assert list(await here.find(1, "resp_2")) == expected
    here.keep(record("resp_3", "resp_2"))
    assert [each.id for each in await here.find(1, "resp_3")] == ["resp_1", "resp_2", "resp_3"]


async def test_a_conversation_unfolds_to_no_more_than_a_request_has(
    storage: ResponseStorage,
) -> None:
    """What is blank is kept in next to no room: turn after turn, it would take all memory."""
    here = ResponseKeeper(storage, VAULT, lambda: NOW, pauses=(), max_conversation_bytes=1_000_000)
    blank = content_of(b'"%b"' % (b" " * 300_000), b'{"id":"resp_1","output":[]}')
    names = ["", "resp_1", "resp_2", "resp_3", "resp_4"]
    for previous, name in pairwise(names):
        here.keep(record(name, previous, blank))
    for _ in range(2):
        # Of this router alone, and of Storage.
        assert len(await here.find(1, "resp_3")) == 3
        with pytest.raises(RequestTooLarge, match="too large"):
            await here.find(1, "resp_4")
        assert (await here.find_one(1, "resp_4")).content == blank
        await here.deliver()
    here.keep(record("resp_5", "resp_4", blank))
    with pytest.raises(RequestTooLarge):
        await here.find(1, "resp_5")
    await here.delete(1, "resp_4")


class SlowStorage(ResponseStorage):
    """A way to Storage on which what is to be kept waits."""

    def __init__(self, storage: ResponseStorage) -> None:
        self.__dict__ |= storage.__dict__
        self.is_asked, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def keep(self, responses: Iterable[KeptResponse]) -> Sequence[str]:
        """Keep responses, once they may be."""
        self.is_asked.set()
        await self.may_go_on.wait()
        return await super().keep(responses)


async def test_what_is_deleted_on_its_way_is_gone_when_that_is_said(
    storage: ResponseStorage,
) -> None:
    """Nobody finds it in the moment between its coming to Storage and its end there."""
    slow = SlowStorage(storage)
    here, there = keeper(slow), keeper(storage)
    here.keep(record())
    telling = asyncio.create_task(here.deliver())
    await slow.is_asked.wait()
    deleting = asyncio.create_task(here.delete(1, "resp_1"))
    again = asyncio.create_task(here.delete(1, "resp_1"))
    await asyncio.sleep(0.05)
    assert not deleting.done()
    slow.may_go_on.set()
    await deleting
    for each in (here, there):
        with pytest.raises(ResponseNotFound):
            await each.find(1, "resp_1")
    with pytest.raises(ResponseNotFound):
        await again
    await telling
    assert here.waiting == 0


async def test_who_asks_waits_for_what_is_on_its_way(storage: ResponseStorage) -> None:
    """A router that does not find a response asks again, for as long as it may take to come."""
    here, there = keeper(storage), keeper(storage, *[0.05] * 400)
    asking = asyncio.create_task(there.find(1, "resp_1"))
    await asyncio.sleep(0.1)
    assert not asking.done()
    here.keep(record())
    await here.deliver()
    assert list(await asking) == [record()]


async def test_nobody_waits_for_what_should_be_there_long_ago(storage: ResponseStorage) -> None:
    """An id of ours says when it was made; what can be no id is not even asked for."""
    patient = keeper(storage, 3600.0)
    old = f"resp_{IdSource(lambda: NOW - 60).next()}"
    for name in (old, "", "x" * 200, "a/b", "resp_\0"):
        async with asyncio.timeout(20):
            with pytest.raises(ResponseNotFound):
                await patient.find(1, name)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await patient.find(1, f"resp_{IdSource(lambda: NOW - 1).next()}")


async def test_others_find_nothing(storage: ResponseStorage) -> None:
    """A response has one owner, here and at Storage."""
    kept = keeper(storage)
    for _ in range(2):
        kept.keep(record())
        with pytest.raises(ResponseNotFound):
            await kept.find(2, "resp_1")
        with pytest.raises(ResponseNotFound):
            await kept.delete(2, "resp_1")
        await kept.deliver()
    assert list(await kept.find(1, "resp_1")) == [record()]


async def test_a_response_is_deleted_wherever_it_is(storage: ResponseStorage) -> None:
    """Before Storage has it, while it is told of it, and afterwards; what went on from it ends."""
    kept = keeper(storage)
    kept.keep(record())
    await kept.delete(1, "resp_1")
    await kept.deliver()
    with pytest.raises(ResponseNotFound):
        await kept.find(1, "resp_1")
    kept.keep(record())
    telling = asyncio.create_task(kept.deliver())
    await asyncio.sleep(0)
    await kept.delete(1, "resp_1")
    await telling
    with pytest.raises(ResponseNotFound):
        await kept.find(1, "resp_1")
    kept.keep(record())
    kept.keep(record("resp_2", "resp_1"))
    await kept.deliver()
    await kept.delete(1, "resp_1")
    with pytest.raises(ResponseNotFound) as gone:
        await kept.find(1, "resp_2")
    assert gone.value.metadata["response_id"] == "resp_1"


async def test_a_later_version_takes_the_place_of_an_earlier(storage: ResponseStorage) -> None:
    """Wherever the earlier one is: waiting, on its way, or at Storage."""
    kept, later = keeper(storage), content_of(b'"Hello"', b'{"id":"resp_1","output":[1]}')
    kept.keep(record())
    kept.keep(record(content=later))
    assert list(await kept.find(1, "resp_1")) == [record(content=later)]
    await kept.deliver()
    kept.keep(record())
    telling = asyncio.create_task(kept.deliver())
    await asyncio.sleep(0)
    kept.keep(record(content=later))
    await telling
    assert kept.waiting == 0
    assert list(await keeper(storage).find(1, "resp_1")) == [record(content=later)]


async def test_storage_away_is_waited_for(host: StorageHost, storage: ResponseStorage) -> None:
    """What was answered meanwhile is kept once it is back; other ids are told to be unknown yet."""
    kept = keeper(storage)
    await host.stop()
    kept.keep(record())
    with pytest.raises(ServiceUnavailable):
        await kept.deliver()
    with pytest.raises(ServiceUnavailable):
        await kept.find(1, "resp_9")
    assert list(await kept.find(1, "resp_1")) == [record()]
    await host.start()
    async with looping(kept):
        async with asyncio.timeout(30):
            while kept.waiting:  # noqa: ASYNC110 # it has no event of its own
                await asyncio.sleep(0.02)
    assert list(await keeper(storage).find(1, "resp_1")) == [record()]


async def test_what_waits_is_bounded(storage: ResponseStorage) -> None:
    """Beyond it the oldest are given up, and the log says which."""
    kept = keeper(storage, most=3 * len(CONTENT))
    with capture_logs() as logs:
        for number in range(5):
            kept.keep(record(f"resp_{number}"))
    assert [each["response_id"] for each in logs] == ["resp_0", "resp_1"]
    assert kept.waiting == 3


@pytest.mark.parametrize("bounds", [{"response_bytes": 2000}])
async def test_one_that_is_too_large_holds_up_no_other(storage: ResponseStorage) -> None:
    """It is told of in the log, and the next ones are kept."""
    kept = keeper(storage)
    # Of random bytes, which cannot be compressed.
    large = VAULT.seal_answer(bytes(4000), "x").hex().encode()
    kept.keep(record("resp_large", content=content_of(b'"x"', b'"%b"' % large)))
    kept.keep(record())
    with capture_logs() as logs:
        await kept.deliver()
    warnings = [each["event"] for each in logs if each["log_level"] != "debug"]
    assert warnings == ["response_too_large"]
    assert list(await kept.find(1, "resp_1")) == [record()]
    with pytest.raises(ResponseNotFound):
        await kept.find(1, "resp_large")


async def test_what_storage_has_is_sealed_for_its_owner(storage: ResponseStorage) -> None:
    """No word of it can be read there, and under another id or owner it opens for nobody."""
    (whole,) = sealed([record()], VAULT)
    assert b"Hello" not in whole.SerializeToString()
    whole.virtual_key_id = 2
    await storage.keep([whole])
    with pytest.raises(ResponseNotFound):
        await keeper(storage).find(2, "resp_1")
