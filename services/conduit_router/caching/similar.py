"""Finds answers to questions that are much alike, by the vectors of these."""

from collections import OrderedDict
from typing import NamedTuple, Protocol

from conduit_router.caching.answers import AnswerCache, CachedAnswer
from conduit_router.caching.vectors import Vector, distance, similarity
from conduit_router.caching.wording import Wording, may_ask_the_same

# Questions that are asked with the same, at most: more would keep other calls waiting.
MOST_ALIKE = 1000
# So many of them, those whose signs differ least, are measured: about a millisecond's work.
_MEASURED = 16
_OVERHEAD_BYTES = 512
# Of the answers' room, beside it.
_SHARE = 4


class AskedText(NamedTuple):
    """A question's text, as it is found again."""

    # Of all that it was asked with: only what has the same may have the same answer.
    partition: bytes
    vector: Vector
    wording: Wording


class SimilarAnswer(NamedTuple):
    """An answer to a question that is much alike."""

    answer: CachedAnswer
    similarity: float


class SimilarAnswers(Protocol):
    """Keeps answers by the vectors of what they answer."""

    async def find(self, text: AskedText, least: float, max_age: float) -> SimilarAnswer | None:
        """Return the answer to what is most alike, and at least so much; None if none is."""
        ...

    async def keep(self, text: AskedText, fingerprint: bytes, answer: CachedAnswer) -> None:
        """Keep an answer to a text, until it ends."""
        ...


class _Row(NamedTuple):
    vector: Vector
    wording: Wording


class SimilarAnswerIndex:
    """Finds what an `AnswerCache` keeps: it has the vectors alone, and no answer of its own."""

    def __init__(self, answers: AnswerCache) -> None:
        """Take what keeps answers. Vectors have a part of its room; of too many the first go."""
        self._answers = answers
        self._max_bytes = answers.max_bytes // _SHARE
        self._partitions: dict[bytes, dict[bytes, _Row]] = {}
        # By partition and fingerprint, the bytes of each.
        self._sizes: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self._sizes)

    async def find(self, text: AskedText, least: float, max_age: float) -> SimilarAnswer | None:
        """Return the answer to what is most alike, and at least so much; None if none is."""
        rows = self._partitions.get(text.partition, {})
        near = sorted(rows.items(), key=lambda row: distance(row[1].vector, text.vector))
        measured = [
            (similarity(row.vector, text.vector), fingerprint, row)
            for fingerprint, row in near[:_MEASURED]
        ]
        for alike, fingerprint, row in sorted(measured, key=lambda each: -each[0]):
            if alike < least:
                break
            if not may_ask_the_same(row.wording, text.wording):
                continue
            answer = self._answers.find(fingerprint, max_age)
            if answer is not None:
                return SimilarAnswer(answer, alike)
            if not self._answers.has(fingerprint):
                self._drop(text.partition, fingerprint)
        return None

    async def keep(self, text: AskedText, fingerprint: bytes, answer: CachedAnswer) -> None:
        """Keep an answer to a text, as long as the cache has it."""
        if not self._answers.has(fingerprint):
            return
        self._drop(text.partition, fingerprint)
        rows = self._partitions.setdefault(text.partition, {})
        if len(rows) >= MOST_ALIKE:
            self._drop(text.partition, next(iter(rows)))
            rows = self._partitions.setdefault(text.partition, {})
        rows[fingerprint] = _Row(text.vector, text.wording)
        size = self._sizes[text.partition, fingerprint] = text.vector.size + _OVERHEAD_BYTES
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(*next(iter(self._sizes)))

    def _drop(self, partition: bytes, fingerprint: bytes) -> None:
        size = self._sizes.pop((partition, fingerprint), None)
        if size is None:
            return
        self._bytes -= size
        rows = self._partitions[partition]
        del rows[fingerprint]
        if not rows:
            del self._partitions[partition]
