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
from conduit_router.caching.fingerprint import fingerprint_of
from conduit_router.caching.hits import BYPASS, MISS, account_for_hit, answering_key
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.stream_source import StreamSource
from conduit_router.served_by import CallSummary

AnyAnswer = Answer[Any]
Ask = Callable[[CallScope], Awaitable[tuple[AnyAnswer, CallSummary]]]
OpenStream = Callable[[], AbstractAsyncContextManager[StreamSource]]


async def cached_answer(scope: CallScope, use: CacheUse, ask: Ask) -> tuple[AnyAnswer, CallSummary]:
    """Return a whole answer: one that is kept, or what `ask` returns, which is kept then."""
    fingerprint = _fingerprint(scope, use)
    if fingerprint is None:
        answer, summary = await ask(scope)
        summary.cache = BYPASS
        return answer, summary
    hit = await _hit(scope, use, fingerprint)
    if hit is not None:
        found, summary = hit
        assert found.answer is not None  # noqa: S101 # streams have other fingerprints
        # What its reader makes of it is not kept.
        return msgspec.structs.replace(found.answer), summary
    with _leading(scope.runtime.answers, use, fingerprint):
        answer, summary = await ask(scope)
        if use.writes:
            text = answer.json
            kept = msgspec.structs.replace(answer, json_at_hand=text, _typed=None)
            _keep(scope, use, fingerprint, len(text), texts=(text,), answer=kept)
    summary.cache = MISS
    return answer, summary


@asynccontextmanager
async def cached_stream(
    scope: CallScope, use: CacheUse, open_stream: OpenStream
) -> AsyncIterator[StreamSource]:
    """Open a streamed answer: one that is kept, or what `open_stream` opens, which is kept then."""
    fingerprint = _fingerprint(scope, use)
    if fingerprint is None:
        async with open_stream() as source:
            source.summary.cache = BYPASS
            yield source
        return
    hit = await _hit(scope, use, fingerprint)
    if hit is not None:
        yield _CachedSource(*hit)
        return
    with _leading(scope.runtime.answers, use, fingerprint):
        async with open_stream() as source:
            source.summary.cache = MISS
            yield _RecordedSource(source, scope, use, fingerprint)


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
        self, source: StreamSource, scope: CallScope, use: CacheUse, fingerprint: bytes
    ) -> None:
        self.summary = source.summary
        self._source = source
        self._scope = scope
        self._use = use
        self._fingerprint = fingerprint
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
            scope, fingerprint = self._scope, self._fingerprint
            _keep(scope, self._use, fingerprint, self._size, texts=texts, pieces=tuple(pieces))
        return usage, summary

    async def settle(self) -> None:
        """Settle the source."""
        await self._source.settle()


def _fingerprint(scope: CallScope, use: CacheUse) -> bytes | None:
    """Return by what a call's answer is known; None if it has nothing to do with the cache."""
    if not (use.reads or use.writes):
        return None
    return fingerprint_of(
        scope.operation,
        scope.requirements,
        scope.form.json_at_hand or msgspec.structs.replace(scope.form).json,
        caller=scope.caller.caller,
        options=scope.options,
        policy=use.policy,
        route=scope.runtime.table.routes.get(scope.requirements.model),
    )


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
        cache.misses += 1
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


def _keep(  # an answer, and what it is kept as
    scope: CallScope,
    use: CacheUse,
    fingerprint: bytes,
    size: int,
    *,
    texts: tuple[bytes, ...],
    answer: AnyAnswer | None = None,
    pieces: tuple[Any, ...] = (),
) -> None:
    """Keep a whole answer of the attempt that succeeded."""
    attempt, cache = scope.succeeded, scope.runtime.answers
    if attempt is None or attempt.consumption is None or not attempt.consumption.is_complete:
        return
    if is_failure(scope.operation.served_as, texts):
        return
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
        size=size + len(fingerprint) + OVERHEAD_BYTES * (1 + len(pieces) // 8),
        answer=answer,
        pieces=pieces,
    )
    cache.keep(fingerprint, kept)
