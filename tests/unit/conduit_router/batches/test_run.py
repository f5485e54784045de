"""The work on a batch, to each of its ends."""

import asyncio
import random
from contextlib import suppress

import pytest
from tests.support.storage_host import StorageHost
from tests.support.waiting import eventually
from tests.unit.conduit_router.batches.conftest import OWNER, BatchBench, Clock

from conduit.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_EXPIRED,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_IN_PROGRESS,
)
from conduit_kernel.errors import InvalidRequest, UpstreamError, VirtualKeyDisabled
from conduit_router.batches.recording import NotHeld
from conduit_router.batches.remote.owner import Stop

TEXTS = [f"t{n}" for n in range(9)]


async def embed(_: str) -> bytes:
    """Answer."""
    return b'{"data": []}'


async def test_each_request_is_made_once(bench: BatchBench) -> None:
    """And its answer is in the output."""
    batch = await bench.batch(*TEXTS)
    await bench.run(await bench.claimed(), embed).run()
    found = await bench.results(batch.id)
    assert found.batch.status == BATCH_STATUS_COMPLETED
    assert (set(found.output), found.errors) == (set(TEXTS), {})
    assert bench.asked == dict.fromkeys(TEXTS, 1)


async def test_no_more_are_under_way_than_may_be(bench: BatchBench) -> None:
    """Whatever the length of the batch."""
    under_way, most = 0, 0

    async def counted(_: str) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return b"{}"

    await bench.batch(*[f"t{n}" for n in range(40)])
    await bench.run(await bench.claimed(), counted).run()
    assert most == bench.most_calls


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_goes_on_makes_what_is_left(bench: BatchBench, seed: int) -> None:
    """A run that is cut off anywhere leaves each request made, or to be made by the next."""
    chance, answered = random.Random(seed), set[str]()  # noqa: S311 # guards nothing
    batch, runs = await bench.batch(*TEXTS), 0

    async def cutting(text: str) -> bytes:
        if chance.random() < 0.3:
            # As a killed router's calls end: nothing of them is noted.
            working.cancel()
            await asyncio.Event().wait()
        answered.add(text)
        return b"{}"

    while True:
        router = f"router {runs}"
        working = asyncio.create_task(bench.run(await bench.claimed(router), cutting, router).run())
        with suppress(asyncio.CancelledError):
            await working
            break
        await bench.storage.release(router, [batch.id])
        runs += 1
    assert runs
    found = await bench.results(batch.id)
    assert set(found.output) == set(TEXTS) == answered
    assert found.batch.request_counts.completed == len(TEXTS)


async def test_what_is_not_made_in_time_is_said_to_be(bench: BatchBench, clock: Clock) -> None:
    """In the error file; what was answered stays, and nothing else counts."""
    batch = await bench.batch(*TEXTS)
    bench.most_calls = 1

    async def late(text: str) -> bytes:
        if text == "t3":
            clock.now = batch.expires_at
        return b"{}"

    await bench.run(await bench.claimed(), late).run()
    found = await bench.results(batch.id)
    assert found.batch.status == BATCH_STATUS_EXPIRED
    assert set(found.output) == set(TEXTS[:4])
    assert set(found.errors) == set(TEXTS[4:])
    assert found.errors["t8"]["error"]["code"] == "batch_expired"
    counts = found.batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (9, 4, 0)


async def test_a_batch_that_is_taken_back_before_it_was_read(bench: BatchBench) -> None:
    """Ends at once, with nothing."""
    batch = await bench.batch(*TEXTS)
    await bench.storage.cancel(OWNER, batch.id)
    await bench.run(await bench.claimed(), embed).run()
    found = await bench.results(batch.id)
    assert (found.batch.status, found.output) == (BATCH_STATUS_CANCELLED, {})
    assert bench.asked == {}


async def test_a_router_that_stops_leaves_the_batch_as_it_is(bench: BatchBench) -> None:
    """Calls under way are waited for, and noted."""
    batch, kept = await bench.batch(*TEXTS), await bench.claimed()
    bench.most_calls = 2

    async def stopping(text: str) -> bytes:
        if text == "t4":
            run.stop(Stop.INTERRUPTED)
        return b"{}"

    run = bench.run(kept, stopping)
    await run.run()
    found = await bench.results(batch.id)
    assert found.batch.status == BATCH_STATUS_IN_PROGRESS
    assert found.batch.request_counts.completed == bench.asked.total() >= 5


async def test_a_batch_ends_where_its_results_find_no_room(bench: BatchBench) -> None:
    """With those that were paid for."""
    batch = await bench.batch(*TEXTS)
    bench.most_calls = 1

    async def large(_: str) -> bytes:
        noise = random.Random(7).randbytes(20_000).hex()  # noqa: S311 # what cannot be compressed
        return b'"%b"' % noise.encode()

    await bench.run(await bench.claimed(), large).run()
    found = await bench.results(batch.id)
    assert found.batch.status == BATCH_STATUS_FAILED
    assert [each.code for each in found.batch.errors.data] == ["storage_full"]
    assert 1 < len(found.output) == bench.asked.total() < len(TEXTS)


async def test_a_batch_ends_with_its_virtual_key(bench: BatchBench) -> None:
    """And says why."""
    batch = await bench.batch(*TEXTS)
    bench.most_calls = 1

    async def last(_: str) -> bytes:
        bench.refusal = VirtualKeyDisabled("This virtual key is disabled")
        return b"{}"

    await bench.run(await bench.claimed(), last).run()
    found = await bench.results(batch.id)
    assert found.batch.status == BATCH_STATUS_FAILED
    assert [each.code for each in found.batch.errors.data] == ["virtual_key_disabled"]
    assert len(found.output) == 1


async def test_a_batch_whose_file_is_deleted_ends(bench: BatchBench) -> None:
    """With what was answered."""
    batch = await bench.batch(*TEXTS)
    kept = await bench.claimed()
    await bench.files.storage.delete(OWNER, batch.input_file_id)
    with pytest.raises(BaseException) as raised:  # noqa: PT011 # of a group, or alone
        await bench.run(kept, embed).run()
    assert "There is no file" in str(raised.value)


async def test_what_is_wrong_with_a_request_is_not_tried_again(bench: BatchBench) -> None:
    """All others are made."""
    batch = await bench.batch(*TEXTS)

    async def picky(text: str) -> bytes:
        if text == "t5":
            raise InvalidRequest("input is wrong", field="input")
        return b"{}"

    await bench.run(await bench.claimed(), picky).run()
    found = await bench.results(batch.id)
    assert (set(found.errors), bench.asked["t5"]) == ({"t5"}, 1)
    assert found.errors["t5"]["response"]["status_code"] == 400
    assert found.batch.request_counts.failed == 1


async def test_who_lost_a_batch_notes_nothing_of_it(bench: BatchBench) -> None:
    """It is the other router's."""
    batch = await bench.batch(*TEXTS)
    kept = await bench.claimed("first")
    await bench.storage.release("first", [batch.id])
    await bench.claimed("second")
    with pytest.raises(NotHeld):
        await bench.run(kept, embed, "first").run()
    assert (await bench.results(batch.id)).batch.request_counts.completed == 0


async def test_storage_that_is_away_is_waited_for(bench: BatchBench, host: StorageHost) -> None:
    """No more calls are made meanwhile than there are places, and each is noted after all."""
    batch, kept = await bench.batch(*TEXTS), await bench.claimed()

    async def alone(_: str) -> bytes:
        if not bench.asked.total() - 1:
            await host.stop()
        return b"{}"

    working = asyncio.create_task(bench.run(kept, alone).run())

    async def is_full() -> bool:
        return bench.asked.total() == bench.most_calls

    await eventually(is_full)
    await asyncio.sleep(0.1)
    assert bench.asked.total() == bench.most_calls
    await host.start()
    await working
    found = await bench.results(batch.id)
    assert set(found.output) == set(TEXTS)
    assert bench.asked == dict.fromkeys(TEXTS, 1)


async def test_a_provider_that_fails_is_asked_again(bench: BatchBench) -> None:
    """After a pause; the answer counts."""
    await bench.batch("once")

    async def failing_once(text: str) -> bytes:
        if bench.asked[text] == 1:
            raise UpstreamError("the provider fell over")
        return b"{}"

    kept = await bench.claimed()
    await bench.run(kept, failing_once).run()
    found = await bench.results(kept.batch.id)
    assert (set(found.output), bench.asked["once"]) == ({"once"}, 2)


async def test_a_call_that_is_cancelled_from_within_is_made_again(bench: BatchBench) -> None:
    """The batch does not end without it."""
    batch = await bench.batch("once")

    async def cancelled_once(text: str) -> bytes:
        if bench.asked[text] == 1:
            raise asyncio.CancelledError
        return b"{}"

    await bench.run(await bench.claimed(), cancelled_once).run()
    assert set((await bench.results(batch.id)).output) == {"once"}
