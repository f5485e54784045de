"""A bench for calls: a runtime with a table, a spool and time of the test's own."""

from pathlib import Path
from typing import cast

from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace
from tests.support.snapshots import compiled, key, provider, snapshot

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_PROVIDER, Charge
from conduit_kernel.auth import Principal, PrincipalKind
from conduit_kernel.ids import IdSource
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_providers.quantities import plain
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE, TALLY, read_segment
from conduit_router.accounting.spool import Spool
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.media import MediaFetcher
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import Caller
from conduit_router.trail.call_end import CallEnd, EndListener
from conduit_router.upstream.outcomes import Outcomes
from conduit_router.upstream.transport import Transport

CALLER = CallerContext(Caller(1, is_enabled=True, expires_at=1e18, allowed=None), "req_1", "")
PRINCIPAL = Principal(PrincipalKind.VIRTUAL_KEY, "virtual-key", virtual_key=CALLER.caller)
BODY = b'{"model":"gpt","messages":[{"role":"user","content":"hello there"}]}'


class Bench:
    """A runtime with a spool of its own; time is what the test says."""

    def __init__(
        self,
        folder: Path,
        *,
        transport: Transport | None = None,
        media: MediaFetcher | None = None,
        base_url: str = "http://127.0.0.1:1/v1",
    ) -> None:
        """Take what carries requests; without it nothing can be sent or fetched."""
        self.now = 100.0
        self.endings: list[CallEnd] = []
        self.folder = folder
        self.spool = Spool(folder)
        clock = self._clock
        self.recorder = ChargeRecorder(self.spool, PriceList(), IdSource(clock), clock)
        self.state = ProviderState(clock)
        self.outcomes = Outcomes(clock)
        self.runtime = CallRuntime(
            transport=cast("Transport", transport),
            media=cast("MediaFetcher", media),
            state=self.state,
            recorder=self.recorder,
            outcomes=self.outcomes,
            clock=clock,
            wall_clock=clock,
            draw_seed=lambda: 1,
            end_listeners=[
                EndListener(lambda end: self.endings.append(end.whole()), self.endings.append)
            ],
        )
        chain = [provider(i, f"{base_url}/{i}", priority=i) for i in (1, 2)]
        self.runtime.table = compiled(snapshot(chain, keys=[key(i, i) for i in (1, 2)]))

    def _clock(self) -> float:
        return self.now

    @property
    def codes(self) -> list[str]:
        """Return how calls ended: the reason of each one's failure, empty where it is none."""
        return [end.failure.code if end.failure else "" for end in self.endings]

    def admit(self, *, stream: bool = False, seconds: int = 0, by: int = 1) -> CallScope:
        """Admit a chat, for a virtual key."""
        options = self.options(seconds) if seconds else None
        form = chat_request(json=BODY)
        caller = CALLER
        if by != caller.caller.virtual_key_id:
            caller = replace(caller, caller=replace(caller.caller, virtual_key_id=by))
        return admit(self.runtime, OPERATION, form, options, caller, stream=stream)

    def options(self, seconds: float) -> CallOptions:
        """Return the options of a call that may take so long."""
        return CallOptions(timeout=Duration(seconds=int(seconds)))

    def begun(self, scope: CallScope) -> Attempt:
        """Begin the next attempt."""
        attempt = scope.plan.next()
        assert attempt is not None
        scope.begin_attempt(attempt)
        return attempt

    def records(self) -> tuple[list[Charge], dict[int, CallTally]]:
        """Return all charges, and the attempts' counts by instance."""
        self.recorder.flush()
        records = [
            record for path in self.folder.rglob("*.spool") for record in read_segment(path).records
        ]
        tallies = [CallTally.FromString(message) for kind, message in records if kind == TALLY]
        charges = [Charge.FromString(message) for kind, message in records if kind == CHARGE]
        return charges, {tally.provider_id: tally for tally in tallies}


def used(*, is_complete: bool = True) -> Consumption:
    """Return what an attempt used."""
    return Consumption(plain(3, 5), USAGE_SOURCE_PROVIDER, is_complete)
