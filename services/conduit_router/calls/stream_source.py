"""Where the pieces of a streamed answer come from, for whoever looks at them on their way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from conduit.v1.call_pb2 import CallOptions
from conduit_providers.operation import AnyStreamedOperation
from conduit_providers.quantities import Quantities
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.stream_failover import StreamedAnswer, begin_answer
from conduit_router.served_by import CallSummary


class StreamSource(Protocol):
    """An answer that has begun."""

    # What was done until then.
    summary: CallSummary

    async def next(self) -> Any | None:  # noqa: ANN401 # each operation has its own events
        """Return the next pieces, None at the end. A ConduitError if it breaks off."""
        ...

    def finish(self) -> tuple[Quantities | None, CallSummary]:
        """End the call, whose answer is complete; return what was used, and what was done."""
        ...

    async def settle(self) -> None:
        """Do what is left to do once the caller has all of it."""
        ...


class UpstreamSource:
    """An answer as its provider gives it."""

    def __init__(self, scope: CallScope, answer: StreamedAnswer) -> None:
        self.summary = scope.summary(answer.attempt)
        self._relay = answer.relay
        self._next = answer.next
        self._first = answer.events
        self._is_begun = False

    async def next(self) -> Any | None:  # noqa: ANN401 # as above
        """Return the next pieces, None at the end. UpstreamError or HttpError if it breaks off."""
        if self._is_begun:
            return await self._next()
        self._is_begun = True
        return self._first

    def finish(self) -> tuple[Quantities | None, CallSummary]:
        """End the attempt, whose answer is complete."""
        return self._relay.upstream.usage, self._relay.succeed()

    async def settle(self) -> None:
        """Wait a moment for the end of the provider's body."""
        await self._relay.upstream.settle()


@asynccontextmanager
async def upstream_source(
    scope: CallScope, operation: AnyStreamedOperation, options: CallOptions | None
) -> AsyncIterator[StreamSource]:
    """Make attempts until an answer has begun."""
    answer = await begin_answer(scope, operation, options)
    with answer.relay:
        yield UpstreamSource(scope, answer)
