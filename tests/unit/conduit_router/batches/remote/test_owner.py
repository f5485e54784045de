"""What the batches of providers share at a router."""

from pathlib import Path

from tests.support.call_bench import Bench

from conduit_router.batches.calls import BatchCalls
from conduit_router.batches.remote.owner import MOST_SENDING, RemoteParts


async def test_pauses_grow_with_the_first_one(tmp_path: Path) -> None:
    """And only some parts are held in memory at a time."""
    calls = BatchCalls.__new__(BatchCalls)
    parts = RemoteParts.of(Bench(tmp_path).runtime, calls, 5.0)
    assert parts.longest_look == 120.0
    for _ in range(MOST_SENDING):
        await parts.sending.acquire()
    assert parts.sending.locked()
