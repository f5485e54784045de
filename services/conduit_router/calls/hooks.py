"""What looks at a call and its answer on their way: guardrails, and the cache."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from conduit.v1.call_pb2 import CallOptions
from conduit_providers.calls import Answer
from conduit_providers.operation import AnyStreamedOperation
from conduit_router.caching.calls import cached_answer, cached_stream
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.reserving import reserve
from conduit_router.calls.stream_source import StreamSource, upstream_source
from conduit_router.guardrails.calls import answer_guards, finder, guard_answer, guard_request
from conduit_router.guardrails.judging import Judgement
from conduit_router.guardrails.streams import GuardedSource
from conduit_router.served_by import CallSummary

Ask = Callable[[CallScope], Awaitable[tuple[Answer[Any], CallSummary]]]


async def hooked_answer(scope: CallScope, ask: Ask) -> tuple[Answer[Any], CallSummary]:
    """Return the whole answer to a call that has hooks; `ask` asks providers for one.

    Guardrails look at what comes from the cache, too: they may be others than when it was kept.
    """
    hooks, judgement = scope.hooks, Judgement(scope.caller.request_id)
    assert hooks is not None  # noqa: S101 # as its callers know
    await guard_request(scope, hooks.guards, judgement)
    await reserve(scope)
    use = hooks.cache
    answer, summary = await (ask(scope) if use is None else cached_answer(scope, use, ask))
    answer = await guard_answer(scope, answer, hooks.guards, judgement)
    summary.guardrails = tuple(judgement.told)
    return answer, summary


@asynccontextmanager
async def hooked_stream(
    scope: CallScope, operation: AnyStreamedOperation, options: CallOptions | None
) -> AsyncIterator[StreamSource]:
    """Open the streamed answer to a call that has hooks."""
    hooks, judgement = scope.hooks, Judgement(scope.caller.request_id)
    assert hooks is not None  # noqa: S101 # as above
    await guard_request(scope, hooks.guards, judgement)
    await reserve(scope)
    use, from_providers = hooks.cache, partial(upstream_source, scope, operation, options)
    opened = from_providers() if use is None else cached_stream(scope, use, from_providers)
    async with opened as source:
        source.summary.guardrails = tuple(judgement.told)
        guards = answer_guards(scope, hooks.guards)
        yield GuardedSource(source, guards, judgement, finder(scope)) if guards else source
