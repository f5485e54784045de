"""Reports attempts and circuits to the Health service, and the use of keys to the Registry."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from conduit.internal.v1.outcome_pb2 import RouterCircuit
from conduit.internal.v1.outcome_pb2 import SharedCircuit as SharedCircuitMessage
from conduit.internal.v1.outcome_service_pb2 import ReportOutcomesRequest
from conduit.internal.v1.snapshot_service_pb2 import ReportKeyUseRequest
from conduit_router.routing.health_view import Subject
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.shared_circuits import SharedCircuit
from conduit_router.upstream.outcomes import Outcomes

if TYPE_CHECKING:
    # Exist for type checkers only.
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceAsyncStub
    from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceAsyncStub
    from conduit.v1.provider_health_pb2 import CircuitState

REPORT_SECONDS = 1.0
KEY_USE_SECONDS = 10.0
CALL_SECONDS = 10.0
# Health forgets the circuits of a router that is silent for three times as long.
CIRCUITS_SECONDS = 10.0


class Reports:
    """Sends each report once: one that is lost is no harm."""

    def __init__(
        self,
        health: "OutcomeServiceAsyncStub",
        registry: "SnapshotServiceAsyncStub",
        outcomes: Outcomes,
        state: ProviderState,
        *,
        metadata: tuple[tuple[str, str], ...],
        router_id: str,
        timer: Callable[[], float],
    ) -> None:
        """Take by which name Health knows this router."""
        self._health = health
        self._registry = registry
        self._outcomes = outcomes
        self._state = state
        self._metadata = metadata
        self._router_id = router_id
        self._timer = timer
        # The circuits that Health knows of, and since when.
        self._reported: dict[int, CircuitState.ValueType] = {}
        self._reported_at = 0.0
        self._shared = frozenset[Subject]()

    async def report_outcomes(self) -> None:
        """Report what attempts met since the last time, and the circuits that are not closed."""
        taken, circuits, now = self._outcomes.drain(), self._state.circuits(), self._timer()
        shared = self._state.shared_circuits()
        subjects = frozenset(each.subject for each in shared)
        is_due = bool(circuits) and now - self._reported_at >= CIRCUITS_SECONDS
        if taken or is_due or circuits != self._reported or subjects != self._shared:
            request = ReportOutcomesRequest(
                outcomes=taken,
                router_id=self._router_id,
                circuits=_messages(circuits),
                shared_circuits=[_shared(each) for each in shared],
            )
            await self._health.ReportOutcomes(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )
            self._reported, self._reported_at = circuits, now
            self._shared = subjects
        if circuits:
            # They change by time alone, and by an operator's doing.
            self._outcomes.waiting.set()

    async def report_key_use(self) -> None:
        """Report when keys were used since the last time."""
        if uses := self._outcomes.drain_uses():
            request = ReportKeyUseRequest(uses=uses)
            await self._registry.ReportKeyUse(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )


def _messages(circuits: "dict[int, CircuitState.ValueType]") -> list[RouterCircuit]:
    return [RouterCircuit(provider_id=each, state=state) for each, state in circuits.items()]


def _shared(circuit: SharedCircuit) -> SharedCircuitMessage:
    provider_id, model, key_id = circuit.subject
    message = SharedCircuitMessage(provider_id=provider_id, model=model, key_id=key_id)
    message.remaining.FromMilliseconds(int(circuit.remaining * 1000))
    message.age.FromMilliseconds(int(circuit.age * 1000))
    return message
