"""Calls that are too large for one request to the provider, and so are several."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from conduit_kernel.errors import UpstreamTimeout
from conduit_kernel.http import Headers, Timeouts
from conduit_providers.calls import Answer, Call
from conduit_providers.spec import ProviderSpec
from conduit_router.routing.table import ServedOperation, UpstreamTarget
from conduit_router.upstream.transport import Transport

# Requests of one call under way at a time.
AT_ONCE = 8

# Asks for a part of a call; returns its answer and that one's headers.
Part = Callable[[], Awaitable[tuple[Answer[Any], Headers]]]


class Batch:
    """The parts of one call, at one instance."""

    __slots__ = ("_headers", "_parts", "_provider", "answered")

    def __init__(self, parts: Sequence[Part], provider: str) -> None:
        """Take the parts, none of which is sent yet, and the instance's name."""
        self._parts = parts
        self._provider = provider
        # By the part's place.
        self.answered: dict[int, Answer[Any]] = {}
        self._headers = Headers.of(())

    async def ask(self, seconds: float) -> tuple[list[Answer[Any]], Headers]:
        """Return the answers, in order, and the last one's headers.

        All of them together have so many seconds. The first error ends them all.
        """
        failure: Exception | None = None
        try:
            async with asyncio.timeout(seconds):
                await self._ask_all()
        except ExceptionGroup as failures:
            failure = failures.exceptions[0]
            # Its frames refer to it, and so would keep the call's body.
            failures.__traceback__ = None
        except TimeoutError:
            name = self._provider
            message = f"{name} did not answer in time"
            failure = UpstreamTimeout(message, provider=name, limit="total")
        try:
            if failure is not None:
                raise failure
        finally:
            # So would this frame, to which the error refers.
            del failure
        return [self.answered[place] for place in range(len(self._parts))], self._headers

    async def _ask_all(self) -> None:
        places = iter(range(len(self._parts)))

        async def work() -> None:
            for place in places:
                self.answered[place], self._headers = await self._parts[place]()

        async with asyncio.TaskGroup() as group:
            for _ in self._parts[:AT_ONCE]:
                group.create_task(work())


def exchange(
    call: Call[Any],
    served: ServedOperation,
    upstream: UpstreamTarget,
    spec: ProviderSpec,
    *,
    transport: Transport,
    timeouts: Timeouts,
) -> Part:
    """Translate a part that is one request. InvalidRequest if its dialect cannot say it."""
    codec, endpoint = served.codec, served.endpoint
    request = codec.to_upstream(call, endpoint, upstream.target)

    async def ask() -> tuple[Answer[Any], Headers]:
        raw, headers = await transport.ask(upstream, spec, request, timeouts)
        answer: Answer[Any] = codec.from_upstream(raw, call, endpoint)
        return answer, headers

    return ask
