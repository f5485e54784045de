"""Follows what the Health service found of instances, circuits and keys."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.outcome_pb2 import KeyCheck as KeyCheckMessage
from conduit.internal.v1.outcome_pb2 import SharedCircuit as SharedCircuitMessage
from conduit.internal.v1.outcome_service_pb2 import WatchHealthRequest, WatchHealthResponse
from conduit.v1.error_reason_pb2 import (
    ERROR_REASON_INSUFFICIENT_FUNDS,
    ERROR_REASON_INVALID_API_KEY,
    ErrorReason,
)
from conduit_kernel.errors import InsufficientFunds, InvalidApiKey
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_router.routing.health_view import Subject
from conduit_router.routing.key_refusals import KeyCheck
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.shared_circuits import SharedCircuit

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceAsyncStub

_REASONS: Mapping[ErrorReason.ValueType, str] = {
    ERROR_REASON_INVALID_API_KEY: InvalidApiKey.reason,
    ERROR_REASON_INSUFFICIENT_FUNDS: InsufficientFunds.reason,
}


class HealthWatch:
    """Lets the Health service's findings order the candidates."""

    def __init__(
        self,
        stub: "OutcomeServiceAsyncStub",
        state: ProviderState,
        metadata: tuple[tuple[str, str], ...],
        router_id: str = "",
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take by which name Health knows this router.

        - `clock`: seconds since 1970; `timer`: seconds of the state's clock.
        """
        self._stub = stub
        self._router_id = router_id
        self._state = state
        self._clock, self._timer = clock, timer
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
        self._state.adopt(map(_shared, message.shared_circuits))
        if message.key_checks:
            self._state.take_checks(map(self._check, message.key_checks))

    def _check(self, check: KeyCheckMessage) -> KeyCheck:
        ago = max(0.0, self._clock() - check.began_at.ToNanoseconds() / 1e9)
        return KeyCheck(
            check.provider_id,
            check.key_id,
            self._timer() - ago,
            _REASONS.get(check.reason, ""),
            check.detail,
            is_test=check.is_test,
        )

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchHealthRequest, WatchHealthResponse]":
        return self._stub.WatchHealth(
            WatchHealthRequest(router_id=self._router_id), metadata=self._metadata
        )


def _shared(circuit: SharedCircuitMessage) -> SharedCircuit:
    return SharedCircuit(
        Subject(circuit.provider_id, circuit.model, circuit.key_id),
        remaining=circuit.remaining.ToMilliseconds() / 1000,
        age=circuit.age.ToMilliseconds() / 1000,
    )
