"""What looks at a call and its answer on their way: the cache, where one is used."""

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
from conduit_router.served_by import CallSummary

Ask = Callable[[CallScope], Awaitable[tuple[Answer[Any], CallSummary]]]


async def hooked_answer(scope: CallScope, ask: Ask) -> tuple[Answer[Any], CallSummary]:
    """Return the whole answer to a call that has hooks; `ask` asks providers for one."""
    await reserve(scope)
    assert scope.hooks is not None  # noqa: S101 # as its callers know
    use = scope.hooks.cache
    return await (ask(scope) if use is None else cached_answer(scope, use, ask))


@asynccontextmanager
async def hooked_stream(
    scope: CallScope, operation: AnyStreamedOperation, options: CallOptions | None
) -> AsyncIterator[StreamSource]:
    """Open the streamed answer to a call that has hooks."""
    await reserve(scope)
    assert scope.hooks is not None  # noqa: S101 # as above
    use, from_providers = scope.hooks.cache, partial(upstream_source, scope, operation, options)
    opened = from_providers() if use is None else cached_stream(scope, use, from_providers)
    async with opened as source:
        yield source
