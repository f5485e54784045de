"""Calls that are too large for one request to the provider, and so are several."""

import asyncio
from collections.abc import Sequence
from typing import Any

from conduit_kernel.errors import UpstreamTimeout
from conduit_kernel.http import Headers, Timeouts
from conduit_providers.calls import Answer, Call
from conduit_providers.operation import AnyCodec
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.wire import HttpRequest
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.transport import Transport

# Requests of one call under way at a time.
AT_ONCE = 8


class Batch:
    """The parts of one call, at one instance."""

    __slots__ = (
        "_calls",
        "_codec",
        "_ended",
        "_endpoint",
        "_headers",
        "_requests",
        "_spec",
        "_upstream",
    )

    def __init__(
        self,
        codec: AnyCodec,
        calls: Sequence[Call[Any]],
        endpoint: Endpoint,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
    ) -> None:
        """Translate all parts. InvalidRequest, before anything is sent, if one has none."""
        self._codec = codec
        self._calls = calls
        self._endpoint = endpoint
        self._upstream = upstream
        self._spec = spec
        self._requests: list[HttpRequest] = [
            codec.to_upstream(call, endpoint, upstream.target) for call in calls
        ]
        self._ended: dict[int, Answer[Any]] = {}
        self._headers = Headers.of(())

    @property
    def spent(self) -> list[Quantities]:
        """Return the usage of the parts that the provider has answered, in no order."""
        return [each.usage for each in self._ended.values() if each.usage is not None]

    async def ask(
        self, transport: Transport, timeouts: Timeouts
    ) -> tuple[list[Answer[Any]], Headers]:
        """Return the answers, in order, and the last one's headers.

        All of them together have the total time. The first UpstreamError ends them all.
        """
        places = iter(range(len(self._calls)))

        async def work() -> None:
            for place in places:
                await self._ask(place, transport, timeouts)

        try:
            async with asyncio.timeout(timeouts.total), asyncio.TaskGroup() as group:
                for _ in self._calls[:AT_ONCE]:
                    group.create_task(work())
        except ExceptionGroup as failures:
            first = failures.exceptions[0]
            raise first from first.__cause__
        except TimeoutError as error:
            name = self._upstream.provider_name
            message = f"{name} did not answer in time"
            raise UpstreamTimeout(message, provider=name, limit="total") from error
        return [self._ended[place] for place in range(len(self._calls))], self._headers

    async def _ask(self, place: int, transport: Transport, timeouts: Timeouts) -> None:
        request = self._requests[place]
        raw, self._headers = await transport.ask(self._upstream, self._spec, request, timeouts)
        call = self._calls[place]
        self._ended[place] = self._codec.from_upstream(raw, call, self._endpoint)
