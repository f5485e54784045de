"""What whole and streamed calls have in common: setting out, and settling up."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from google.protobuf.message import Message

from conduit.v1 import decision_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit_kernel.errors import (
    ConduitError,
    ModelNotFound,
    NoProviderAvailable,
    ProviderUnhealthy,
    UnsupportedCapability,
    UpstreamRateLimited,
)
from conduit_providers.calls import Call, ChatCall, Form
from conduit_providers.spec import Endpoint
from conduit_router.accounting.charging import ChargeRecorder, Consumption
from conduit_router.calls.attempts import CallContext, RetryLoop, limits_of
from conduit_router.calls.jobs import JobRunner
from conduit_router.calls.media import MediaFetcher, has_urls
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan
from conduit_router.routing.decide import Decision, decide
from conduit_router.routing.provider_state import HealthView, ProviderState
from conduit_router.routing.requirements import Requirements
from conduit_router.routing.table import EMPTY_TABLE, Caller
from conduit_router.upstream.outcomes import Outcomes
from conduit_router.upstream.transport import Transport
from conduit_router.virtual_keys import check_model

TypedT = TypeVar("TypedT", bound=Message)
Request = pb.ChatRequest | pb.StreamChatRequest | pb.EmbedRequest


class CallerContext(msgspec.Struct, frozen=True):
    """Who asks: the virtual key, the request's id, the address."""

    caller: Caller
    request_id: str
    peer: str


class CallRuntime:
    """The current table, and everything that calls are made with."""

    def __init__(
        self,
        *,
        transport: Transport,
        media: MediaFetcher,
        vitals: ProviderState,
        accounts: ChargeRecorder,
        outcomes: Outcomes,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        draw_seed: Callable[[], int],
    ) -> None:
        self.table = EMPTY_TABLE
        self.transport = transport
        self.flows = JobRunner(transport, clock)
        self._media = media
        self.outcomes = outcomes
        # For durations and deadlines; the other one for points in time.
        self.clock = clock
        self._wall_clock = wall_clock
        self.guide = RetryLoop(vitals, outcomes, clock)
        self._vitals = vitals
        self._accounts = accounts
        self._draw_seed = draw_seed

    def depart(
        self, request: Request, wants: Requirements, sender: CallerContext, started: float
    ) -> CallContext:
        """Decide where a request goes. An error of ours if there is nowhere."""
        check_model(sender.caller, wants.model)
        options = request.options if request.HasField("options") else None
        seed = None
        if options is not None and options.HasField("seed"):
            seed = options.seed
        decision = self.decide(wants, seed, sender.peer)
        if not decision.candidates:
            raise _nowhere(wants, decision, self._vitals.view(), self.clock())
        bounds = limits_of(options)
        return CallContext(
            wants=wants,
            caller=sender.caller,
            request_id=sender.request_id,
            trip=AttemptPlan(decision, bounds.attempts),
            started=started,
            deadline=started + bounds.seconds,
            is_strict=bounds.is_strict,
        )

    def decide(self, wants: Requirements, seed: int | None, peer: str) -> Decision:
        """Return where a request would go. ModelNotFound if nothing is mapped to the alias."""
        route = self.table.routes.get(wants.model)
        if route is None:
            raise ModelNotFound(f"The model {wants.model!r} does not exist", model=wants.model)
        seed = self._draw_seed() if seed is None else seed
        return decide(route, wants, self._vitals.view(), seed, peer)

    def call(self, journey: CallContext, leg: Attempt, form: Form[TypedT]) -> Call[TypedT]:
        """Return the call as a candidate's codec gets it."""
        wants = journey.wants
        return Call(
            form,
            alias=wants.model,
            model=leg.candidate.model,
            stream=wants.stream,
            include_usage=wants.include_usage,
            is_strict=journey.is_strict or leg.candidate.is_strict,
            provider=leg.key.provider_name,
            created=int(self._wall_clock()),
        )

    def fetch_media(self, call: ChatCall, endpoint: Endpoint) -> Awaitable[None] | None:
        """Fetch what a chat refers to by URL, where the endpoint takes no URLs; None if nothing."""
        if endpoint.options.get("inline_media") and has_urls(call.typed):
            return self._fetch_media(call, endpoint)
        return None

    async def _fetch_media(self, call: ChatCall, endpoint: Endpoint) -> None:
        native = str(endpoint.options.get("native_urls", "")).split()
        call.fetched = await self._media.fetch(call.typed, tuple(native))

    def failed(self, provider_id: int, seconds: float) -> None:
        """Count an attempt that failed."""
        self._accounts.tally(provider_id, seconds * 1000, is_success=False)

    def settle(
        self,
        journey: CallContext,
        leg: Attempt,
        dropped: Sequence[str],
        consumption: Consumption,
        report: CallReport,
    ) -> None:
        """Account for an attempt that cost something; fill the report of what was done.

        `dropped` names the parameters that the provider does not take.
        """
        now = self.clock()
        journey.fill(report, leg, now)
        if dropped:
            report.dropped.extend(dropped)
        cost = self.charge(journey, leg, consumption, now)
        if cost is not None:
            report.cost_nano_usd = cost
        ms = (now - journey.started) * 1000
        self._accounts.tally(leg.candidate.provider_id, ms, is_success=True)

    def charge(
        self, journey: CallContext, leg: Attempt, consumption: Consumption, now: float
    ) -> int | None:
        """Store a charge; return its cost in nano-dollars, None if a price is unknown."""
        return self._accounts.charge(journey, leg, consumption, (now - journey.started) * 1000)


def _nowhere(wants: Requirements, decision: Decision, view: HealthView, now: float) -> ConduitError:
    """Return the error that says best why nothing can be tried."""
    reasons = {r.reason for r in decision.rejections}
    names = {r.reason: r.provider_name for r in decision.rejections}
    model = wants.model
    if decision_pb2.REJECTION_REASON_KEY_RESTING in reasons:
        waits = [rest.until - now for rest in view.cooldowns.values()]
        return UpstreamRateLimited(
            f"All keys for the model {model!r} rest after failures",
            model=model,
            retry_after_ms=str(max(0, int(min(waits, default=1.0) * 1000))),
        )
    if decision_pb2.REJECTION_REASON_CIRCUIT_OPEN in reasons:
        name = names[decision_pb2.REJECTION_REASON_CIRCUIT_OPEN]
        return ProviderUnhealthy(
            f"Provider {name} is currently unhealthy", provider=name, model=model
        )
    if reasons == {decision_pb2.REJECTION_REASON_CAPABILITY_MISSING}:
        lacking = "; ".join(sorted({r.detail for r in decision.rejections}))
        return UnsupportedCapability(
            f"No provider of the model {model!r} can do this: {lacking}", model=model
        )
    return NoProviderAvailable(
        f"No provider is available for the model {model!r}: "
        + "; ".join(sorted({f"{r.provider_name}: {r.detail}" for r in decision.rejections})),
        model=model,
    )
