"""What the Router leaves for whoever writes a call's line."""

import asyncio

from conduit_kernel.ended_call import ENDED_CALL


async def test_calls_side_by_side_leave_theirs_apart() -> None:
    """Each in the context of its own task, and nothing where no call ended."""
    both_set = asyncio.Barrier(2)

    async def call(model: str) -> object:
        ENDED_CALL.set({"model": model})
        await both_set.wait()
        return ENDED_CALL.get()

    assert [*await asyncio.gather(call("a"), call("b"))] == [{"model": "a"}, {"model": "b"}]
    assert ENDED_CALL.get() is None
