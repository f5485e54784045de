"""A change waits until all who follow the configuration have it, and for nobody else."""

import asyncio
from contextlib import ExitStack

from conduit_kernel.followers import Followers

LONG_SECONDS = 30.0


async def waiting(followers: Followers, revision: int) -> asyncio.Task[None]:
    """Begin to wait for a revision, and run up to where that waits."""
    task = asyncio.create_task(followers.until_used(revision, LONG_SECONDS))
    await asyncio.sleep(0)
    return task


async def test_a_change_that_nobody_follows_waits_for_nobody() -> None:
    """Neither do those who have it already, or who confirm nothing, keep anybody waiting."""
    followers = Followers()
    await followers.until_used(5, LONG_SECONDS)
    with followers.following("a", 5), followers.following("", 0):
        await followers.until_used(5, LONG_SECONDS)


async def test_the_last_follower_is_waited_for() -> None:
    """A revision is in use when all of them have confirmed it, or a later one."""
    followers = Followers()
    with followers.following("a", 4), followers.following("b", 4):
        task = await waiting(followers, 5)
        followers.confirm("a", 5)
        await asyncio.sleep(0)
        assert not task.done()
        followers.confirm("b", 6)
        await task


async def test_a_follower_that_leaves_is_not_waited_for() -> None:
    """What its next stream begins with is what it has."""
    followers = Followers()
    with ExitStack() as streams:
        streams.enter_context(followers.following("a", 4))
        task = await waiting(followers, 5)
        streams.close()
        await task


async def test_a_stream_that_follows_another_is_the_one_that_counts() -> None:
    """The end of the former one, which may be noticed later, does not hide it."""
    followers = Followers()
    with ExitStack() as former, followers.following("b", 5):
        former.enter_context(followers.following("a", 4))
        with followers.following("a", 4):
            former.close()
            task = await waiting(followers, 5)
            assert not task.done()
            followers.confirm("a", 5)
            await task


async def test_who_kept_a_change_waiting_in_vain_does_so_once() -> None:
    """A follower that hangs delays one change, not each; waited for again once it confirms."""
    followers = Followers()
    with followers.following("a", 4):
        await followers.until_used(5, 0)
        await followers.until_used(6, LONG_SECONDS)
        followers.confirm("a", 6)
        task = await waiting(followers, 7)
        assert not task.done()
        followers.confirm("a", 7)
        await task


async def test_who_is_not_known_confirms_nothing() -> None:
    """Its stream has ended."""
    followers = Followers()
    followers.confirm("a", 5)
    with followers.following("a", 4):
        task = await waiting(followers, 5)
        assert not task.done()
        task.cancel()
