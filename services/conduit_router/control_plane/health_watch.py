"""Follows which instances the Health service found unhealthy."""

from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.outcome_service_pb2 import WatchHealthRequest, WatchHealthResponse
from conduit.v1.provider_health_pb2 import HEALTH_STATUS_UNHEALTHY
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_router.routing.provider_state import ProviderState

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceAsyncStub


class HealthWatch:
    """Lets the Health service's findings order the candidates."""

    def __init__(
        self,
        stub: "OutcomeServiceAsyncStub",
        state: ProviderState,
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        self._stub = stub
        self._state = state
        self._metadata = metadata
        self._unhealthy: set[int] = set()
        self._stream = WatchStream(self._open)

    async def follow(self) -> None:
        """Take the next findings: a step of a loop."""
        try:
            message = await self._stream.read()
        except Exception:
            # A Health service that cannot be asked says nothing against anybody.
            self._take(WatchHealthResponse(is_complete=True))
            raise
        self._take(message)

    def _take(self, message: WatchHealthResponse) -> None:
        if message.is_complete:
            self._unhealthy.clear()
        for provider in message.providers:
            if provider.status == HEALTH_STATUS_UNHEALTHY:
                self._unhealthy.add(provider.provider_id)
            else:
                self._unhealthy.discard(provider.provider_id)
        self._state.set_unhealthy(frozenset(self._unhealthy))

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchHealthRequest, WatchHealthResponse]":
        return self._stub.WatchHealth(WatchHealthRequest(), metadata=self._metadata)
