"""Follows which instances the Health service found unhealthy."""

from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.outcome_service_pb2 import WatchHealthRequest, WatchHealthResponse
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_router.routing.health_view import Subject
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
        router_id: str = "",
    ) -> None:
        """Take by which name Health knows this router."""
        self._stub = stub
        self._router_id = router_id
        self._state = state
        self._metadata = metadata
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
        self._state.set_unhealthy(frozenset(message.avoided_provider_ids))
        self._state.adopt(
            {
                Subject(each.provider_id, each.model, each.key_id): each.remaining.ToMilliseconds()
                / 1000
                for each in message.shared_circuits
            }
        )

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchHealthRequest, WatchHealthResponse]":
        return self._stub.WatchHealth(
            WatchHealthRequest(router_id=self._router_id), metadata=self._metadata
        )
