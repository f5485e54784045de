"""Calls that may be answered from the cache, and whose answers are kept there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import msgspec

from conduit_kernel.errors import DeadlineExceeded
from conduit_providers.calls import Answer
from conduit_providers.quantities import Quantities
from conduit_router.caching.answers import OVERHEAD_BYTES, AnswerCache, CachedAnswer
from conduit_router.caching.control import CacheUse
from conduit_router.caching.failures import is_failure
from conduit_router.caching.hits import BYPASS, MISS, account_for_hit, answering_key
from conduit_router.caching.keys import CacheKey, cache_key
from conduit_router.caching.similar_hits import keep_similar, similar_hit
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.stream_source import StreamSource
from conduit_router.served_by import CallSummary

AnyAnswer = Answer[Any]
Ask = Callable[[CallScope], Awaitable[tuple[AnyAnswer, CallSummary]]]
OpenStream = Callable[[], AbstractAsyncContextManager[StreamSource]]


async def cached_answer(scope: CallScope, use: CacheUse, ask: Ask) -> tuple[AnyAnswer, CallSummary]:
    """Return a whole answer: one that is kept, or what `ask` returns, which is kept then."""
    key = cache_key(scope, use)
    if key is None:
        answer, summary = await ask(scope)
        summary.cache = BYPASS
        return answer, summary
    if (hit := await _hit(scope, use, key.fingerprint)) is not None:
        return _given(*hit)
    with _leading(scope.runtime.answers, use, key.fingerprint):
        if (alike := await similar_hit(scope, use, key)) is not None:
            return _given(*alike)
        answer, summary = await ask(scope)
        if use.writes:
            text = answer.json
            kept = msgspec.structs.replace(answer, json_at_hand=text, _typed=None)
            made = _kept(scope, use, key, len(text), texts=(text,), answer=kept)
            if made is not None:
                await keep_similar(scope, key, made)
    summary.cache = MISS
    return answer, summary


def _given(found: CachedAnswer, summary: CallSummary) -> tuple[AnyAnswer, CallSummary]:
    """Return a whole answer that is kept; what its reader makes of it is not."""
    assert found.answer is not None  # noqa: S101 # streams have other fingerprints
    return msgspec.structs.replace(found.answer), summary


@asynccontextmanager
async def cached_stream(
    scope: CallScope, use: CacheUse, open_stream: OpenStream
) -> AsyncIterator[StreamSource]:
    """Open a streamed answer: one that is kept, or what `open_stream` opens, which is kept then."""
    key = cache_key(scope, use)
    if key is None:
        async with open_stream() as source:
            source.summary.cache = BYPASS
            yield source
        return
    if (hit := await _hit(scope, use, key.fingerprint)) is not None:
        yield _CachedSource(*hit)
        return
    with _leading(scope.runtime.answers, use, key.fingerprint):
        if (alike := await similar_hit(scope, use, key)) is not None:
            yield _CachedSource(*alike)
            return
        async with open_stream() as source:
            source.summary.cache = MISS
            recorded = _RecordedSource(source, scope, use, key)
            yield recorded
        if recorded.kept is not None:
            await keep_similar(scope, key, recorded.kept)


class _CachedSource:
    """An answer that is kept."""

    def __init__(self, found: CachedAnswer, summary: CallSummary) -> None:
        self.summary = summary
        self._usage = found.consumption.usage
        self._pieces = iter(found.pieces)

    async def next(self) -> Any | None:  # noqa: ANN401 # each operation has its own events
        """Return the next pieces, as they were told apart when they came."""
        piece = next(self._pieces, None)
        # Read anew for each caller: what its reader makes of it is not kept.
        return None if piece is None else piece.with_sse(piece.sse)

    def finish(self) -> tuple[Quantities | None, CallSummary]:
        """Return what was used when it was made, and what was done now."""
        return self._usage, self.summary

    async def settle(self) -> None:
        """Leave nothing."""


class _RecordedSource:
    """An answer under way, which is kept once it is whole."""

    def __init__(
        self, source: StreamSource, scope: CallScope, use: CacheUse, key: CacheKey
    ) -> None:
        self.summary = source.summary
        self._source = source
        self._scope = scope
        self._use = use
        self._key = key
        self.kept: CachedAnswer | None = None
        self._pieces: list[Any] | None = [] if use.writes else None
        self._size = 0

    async def next(self) -> Any | None:  # noqa: ANN401 # as above
        """Return the next pieces, and remember them as far as there is room for them."""
        piece = await self._source.next()
        if piece is not None and self._pieces is not None:
            self._size += len(piece.sse)
            self._pieces.append(piece.with_sse(piece.sse))
            if self._size > self._scope.runtime.answers.largest:
                self._pieces = None
        return piece

    def finish(self) -> tuple[Quantities | None, CallSummary]:
        """End the call, and keep its answer."""
        usage, summary = self._source.finish()
        summary.cache = MISS
        pieces = self._pieces
        if pieces is not None:
            texts = tuple(piece.sse for piece in pieces)
            about = self._scope, self._use, self._key
            self.kept = _kept(*about, self._size, texts=texts, pieces=tuple(pieces))
        return usage, summary

    async def settle(self) -> None:
        """Settle the source."""
        await self._source.settle()


async def _hit(
    scope: CallScope, use: CacheUse, fingerprint: bytes
) -> tuple[CachedAnswer, CallSummary] | None:
    """Return an answer that is kept, perhaps once another call has brought it; None without one."""
    cache = scope.runtime.answers
    if not use.reads:
        return None
    found = cache.find(fingerprint, use.max_age)
    if found is None and (other := cache.call_under_way(fingerprint)) is not None:
        await _wait(scope, other)
        # Where that one failed, this one is made on its own.
        found = cache.find(fingerprint, use.max_age)
    by = None if found is None else answering_key(scope, found)
    if found is None or by is None:
        return None
    cache.hits += 1
    return found, account_for_hit(scope, found, by, use.policy.charged_share)


async def _wait(scope: CallScope, other: asyncio.Future[None]) -> None:
    """Wait for the end of a call that asks the same."""
    clock = scope.runtime.clock
    began = clock()
    try:
        async with asyncio.timeout(max(0.0, scope.left())):
            await asyncio.shield(other)
    except TimeoutError:
        message = "The request's deadline passed while another one asked the same"
        raise DeadlineExceeded(message, attempts="0") from None
    finally:
        scope.waited += clock() - began


@contextmanager
def _leading(cache: AnswerCache, use: CacheUse, fingerprint: bytes) -> Iterator[None]:
    """Let others who ask the same wait for a call, where its answer may be theirs."""
    is_awaited = use.writes and cache.begin(fingerprint) is not None
    try:
        yield
    finally:
        if is_awaited:
            cache.end(fingerprint)


def _kept(  # an answer, and what it is kept as
    scope: CallScope,
    use: CacheUse,
    key: CacheKey,
    size: int,
    *,
    texts: tuple[bytes, ...],
    answer: AnyAnswer | None = None,
    pieces: tuple[Any, ...] = (),
) -> CachedAnswer | None:
    """Keep a whole answer of the attempt that succeeded; return it, or None if it is not kept."""
    attempt, cache = scope.succeeded, scope.runtime.answers
    if attempt is None or attempt.consumption is None or not attempt.consumption.is_complete:
        return None
    if is_failure(scope.operation.served_as, texts):
        return None
    now = cache.now()
    kept = CachedAnswer(
        made_at=now,
        ends_at=now + use.policy.ttl,
        provider_id=attempt.candidate.provider_id,
        key_id=attempt.key.key_id,
        model=attempt.candidate.model,
        consumption=attempt.consumption,
        dropped=tuple(attempt.dropped),
        upstream_request_id=attempt.upstream_request_id,
        size=size + len(key.fingerprint) + OVERHEAD_BYTES * (1 + len(pieces) // 8),
        answer=answer,
        pieces=pieces,
    )
    cache.keep(key.fingerprint, kept)
    return kept
