"""What calls are made with: the current table, and the parts that all of them share."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from conduit_kernel.http import Headers
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.caching.answers import AnswerCache
from conduit_router.caching.similar import SimilarAnswerIndex, SimilarAnswers
from conduit_router.caching.vectors import Vector
from conduit_router.calls.aborted_streams import AbortedStreams
from conduit_router.calls.media import MediaFetcher
from conduit_router.calls.prefill_refusals import PrefillRefusals
from conduit_router.calls.stream_hold import StreamHold
from conduit_router.calls.waiting import WaitingLines
from conduit_router.context import UNCAPPED, CallCaps, limits_of
from conduit_router.jobs.runner import JobRunner
from conduit_router.routing.accounts import Accounts
from conduit_router.routing.balancer import Balancer
from conduit_router.routing.hedges import Hedges
from conduit_router.routing.maintenance import check_maintenance
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import EMPTY_TABLE, Candidate, TableChange, UpstreamKey
from conduit_router.spending.reserver import Reserver
from conduit_router.trail.attempt_facts import CallObserver
from conduit_router.trail.call_end import EndListener
from conduit_router.upstream.outcomes import Outcomes
from conduit_router.upstream.transport import LazyHeaders, Transport
from conduit_router.upstream.voice_lists import VoiceLists
from conduit_router.virtual_keys import CallsUnderWay


class Judges(Protocol):
    """Those who judge texts for guardrails."""

    async def find(
        self,
        guard: Any,  # noqa: ANN401 # a guardrail, which knows of no runtime
        texts: Sequence[str],
        call: Any,  # noqa: ANN401 # a call, which has one
        stage: str,
    ) -> list[list[Any]]:
        """Return what was found in each text. ServiceUnavailable if nobody says."""
        ...


class Embedder(Protocol):
    """Whoever gives texts vectors, for the cache."""

    async def embed(self, text: str, scope: Any, policy: Any) -> Vector | None:  # noqa: ANN401 # a call, which has a runtime
        """Return the vector of a call's text; None where there is none."""
        ...


class CallRuntime:
    """The current table, and everything that calls are made with."""

    def __init__(
        self,
        *,
        transport: Transport,
        media: MediaFetcher,
        state: ProviderState,
        recorder: ChargeRecorder,
        outcomes: Outcomes,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        draw_seed: Callable[[], int],
        end_listeners: Sequence[EndListener] = (),
        hold: StreamHold | None = None,
        caps: CallCaps = UNCAPPED,
        answers: AnswerCache | None = None,
        observers: Sequence[CallObserver] = (),
    ) -> None:
        """Take `clock` for durations and deadlines, `wall_clock` for points in time."""
        self.table = EMPTY_TABLE
        self.transport = transport
        self.jobs = JobRunner(transport, clock)
        self.voice_lists = VoiceLists(transport, clock)
        self.media = media
        self.state = state
        self.accounts = Accounts()
        self.balancer = Balancer(clock, wall_clock, recorder.prices)
        self.recorder = recorder
        self.backlog = recorder.backlog
        self.outcomes = outcomes
        self.clock = clock
        self.wall_clock = wall_clock
        self.end_listeners = tuple(end_listeners)
        self.observers = tuple(observers)
        self.draw_seed = draw_seed
        self.waiting = WaitingLines(clock)
        self.hold = hold or StreamHold()
        self.hedges = Hedges()
        self.aborted_streams = AbortedStreams()
        self.prefill_refusals = PrefillRefusals(clock)
        self.answers = answers or AnswerCache(clock)
        self.similar: SimilarAnswers = SimilarAnswerIndex(self.answers)
        # Until there is one: nothing is asked in other words.
        self.embedder: Embedder | None = None
        # Until there are some: nobody is asked.
        self.judges: Judges | None = None
        self.caps = caps
        self.under_way = CallsUnderWay(caps.calls)
        # Until there is a control plane, as where Billing cannot be asked.
        self.reserver = Reserver.alone(clock)
        # Of calls without options.
        self.limits = limits_of(None, caps)

    def apply(self, change: TableChange) -> None:
        """Serve calls by a new table."""
        self.table = change.after
        self.accounts.apply(change)
        self.balancer.apply(change)
        self.hedges.apply(change)
        self.outcomes.on_headers = self._note_quota if self.balancer.reads_quotas else None

    def check_taken(self) -> None:
        """Check that calls are taken at all. A ConduitError if not."""
        if self.backlog.refuses_calls:
            raise self.backlog.refusal()
        check_maintenance(self.table, self.wall_clock())

    def _note_quota(self, candidate: Candidate, key: UpstreamKey, headers: Headers) -> None:
        limits = candidate.instance.spec.rate_limits
        self.balancer.load.note_quota(key.key_id, LazyHeaders(headers), limits)
