"""What the Router leaves for whoever writes a call's line."""

import asyncio
from collections.abc import Mapping

from conduit_kernel.ended_call import ENDED_CALL, take_ended_call


async def test_calls_side_by_side_leave_theirs_apart() -> None:
    """Each in the context of its own task, to be taken once, and nothing where no call ended."""
    both_set = asyncio.Barrier(2)

    async def call(model: str) -> list[Mapping[str, object]]:
        ENDED_CALL.set({"model": model})
        await both_set.wait()
        return [take_ended_call(), take_ended_call()]

    assert [*await asyncio.gather(call("a"), call("b"))] == [
        [{"model": "a"}, {}],
        [{"model": "b"}, {}],
    ]
    assert take_ended_call() == {}
