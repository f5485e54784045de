"""The answers that a router keeps in memory, within bounds, and the calls that will bring some."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from conduit_providers.calls import Answer
from conduit_router.routing.attempt_plan import Consumption

MIB = 1024 * 1024
MAX_BYTES, MAX_ANSWERS = 64 * MIB, 10_000
# What an answer takes beside its text, about.
OVERHEAD_BYTES = 1024
# No answer takes more than this share of the room.
_LARGEST_SHARE = 16


class CachedAnswer(msgspec.Struct, frozen=True, eq=False):
    """An answer that was given, whole or in pieces, and who gave it."""

    # Seconds of the cache's clock.
    made_at: float
    ends_at: float
    # Who answered; ids, so that no key outlives its removal here.
    provider_id: int
    key_id: str
    model: str
    consumption: Consumption
    dropped: tuple[str, ...]
    upstream_request_id: str
    size: int
    # One of the two; the pieces of a stream as they came.
    answer: Answer[Any] | None = None
    pieces: Sequence[Any] = ()


class AnswerCache:
    """Keeps answers by fingerprint; of too many those go that nobody asked for the longest."""

    def __init__(
        self,
        clock: Callable[[], float],
        max_bytes: int = MAX_BYTES,
        max_answers: int = MAX_ANSWERS,
    ) -> None:
        """Take a clock of seconds, and the room; none at all where either is 0."""
        self._clock = clock
        self.max_bytes = max_bytes
        self._max_answers = max_answers
        self.largest = max_bytes // _LARGEST_SHARE if max_answers else 0
        self._answers: OrderedDict[bytes, CachedAnswer] = OrderedDict()
        self._bytes = 0
        # By fingerprint: done once a call that was to bring an answer has ended.
        self._under_way: dict[bytes, asyncio.Future[None]] = {}
        self.hits = 0
        # Those of them that answered something else that was much alike.
        self.similar_hits = 0
        self.misses = 0

    def __len__(self) -> int:
        """Return how many answers there are."""
        return len(self._answers)

    @property
    def taken_bytes(self) -> int:
        """Return how much room they take."""
        return self._bytes

    def now(self) -> float:
        """Return the seconds of its clock."""
        return self._clock()

    def has(self, fingerprint: bytes) -> bool:
        """Return whether an answer is at hand, however old."""
        return fingerprint in self._answers

    def find(self, fingerprint: bytes, max_age: float) -> CachedAnswer | None:
        """Return an answer that is no older; None if there is none."""
        found = self._answers.get(fingerprint)
        if found is None:
            return None
        now = self._clock()
        if now >= found.ends_at:
            self._drop(fingerprint)
            return None
        if now - found.made_at > max_age:
            return None
        self._answers.move_to_end(fingerprint)
        return found

    def keep(self, fingerprint: bytes, answer: CachedAnswer) -> None:
        """Keep an answer, unless it is too large, in the place of the one before it."""
        self._drop(fingerprint)
        if answer.size > self.largest:
            return
        self._answers[fingerprint] = answer
        self._bytes += answer.size
        while self._bytes > self.max_bytes or len(self._answers) > self._max_answers:
            self._drop(next(iter(self._answers)))

    def call_under_way(self, fingerprint: bytes) -> asyncio.Future[None] | None:
        """Return what is done once a call has ended that may bring an answer; None if none will."""
        return self._under_way.get(fingerprint)

    def begin(self, fingerprint: bytes) -> asyncio.Future[None] | None:
        """Note a call that may bring an answer, to be ended; None where there is one already."""
        if fingerprint in self._under_way:
            return None
        future = self._under_way[fingerprint] = asyncio.get_running_loop().create_future()
        return future

    def end(self, fingerprint: bytes) -> None:
        """Note the end of a call, whatever it brought."""
        self._under_way.pop(fingerprint).set_result(None)

    def _drop(self, fingerprint: bytes) -> None:
        gone = self._answers.pop(fingerprint, None)
        if gone is not None:
            self._bytes -= gone.size
