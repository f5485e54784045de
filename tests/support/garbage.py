"""Calls in memory, while nobody looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.waiting import eventually

from conduit_router.calls.call_scope import CallScope


def calls() -> int:
    """Return how many calls are in memory."""
    return sum(type(each) is CallScope for each in gc.get_objects())


@contextmanager
def no_collector() -> Iterator[None]:
    """Have nobody clear up what calls leave in circles."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def nothing_is_left(before: int) -> None:
    """Wait until no more calls are in memory than before."""

    async def is_so() -> bool:
        return calls() <= before

    await eventually(is_so)
