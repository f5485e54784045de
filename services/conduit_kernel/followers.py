"""Who follows what operators change, and which revision of it each of them works by."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

# A change is answered after so long, whoever does not have it yet.
WAIT_SECONDS = 2.0


@dataclass(eq=False, slots=True)
class Follower:
    """One stream of what changes."""

    revision: int
    # Whether it kept a change waiting in vain: nobody waits for it until it confirms again.
    is_late: bool = False


class Followers:
    """Notes which revisions are in use, so that a change can wait until all have it."""

    def __init__(self) -> None:
        self._followers: dict[str, Follower] = {}
        self._moved = asyncio.Event()
        self._log = structlog.get_logger("followers")

    @contextmanager
    def following(self, name: str, revision: int) -> Iterator[None]:
        """Wait for this follower, which knows a revision already, for as long as this lasts."""
        follower = Follower(revision)
        if name:
            self._followers[name] = follower
        try:
            yield
        finally:
            # It may have opened its next stream by now.
            if self._followers.get(name) is follower:
                del self._followers[name]
            self._wake()

    def confirm(self, name: str, revision: int) -> None:
        """Note that a follower works by a revision."""
        if follower := self._followers.get(name):
            follower.revision, follower.is_late = revision, False
            self._wake()

    async def until_used(self, revision: int, seconds: float = WAIT_SECONDS) -> None:
        """Return once all followers use a revision, at the latest after some seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self._behind(revision):
                    await self._moved.wait()
        except TimeoutError:
            for name, follower in self._behind(revision):
                follower.is_late = True
                self._log.warning("follower_late", follower=name, revision=revision)

    def _behind(self, revision: int) -> list[tuple[str, Follower]]:
        return [
            (name, each)
            for name, each in self._followers.items()
            if each.revision < revision and not each.is_late
        ]

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
