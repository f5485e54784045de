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
from conduit_router.accounts import Accounts, Consumption
from conduit_router.decide import Decision, decide
from conduit_router.failover import Leg, Trip
from conduit_router.flows import Flows
from conduit_router.identity import check_model
from conduit_router.journey import Guide, Journey, bounds_of
from conduit_router.media import MediaFetcher, has_urls
from conduit_router.outcomes import Outcomes
from conduit_router.peek import Wants
from conduit_router.table import EMPTY_TABLE, Caller
from conduit_router.transport import Transport
from conduit_router.vitals import View, Vitals

TypedT = TypeVar("TypedT", bound=Message)
Request = pb.ChatRequest | pb.StreamChatRequest | pb.EmbedRequest


class Sender(msgspec.Struct, frozen=True):
    """Who asks: the virtual key, the request's id, the address."""

    caller: Caller
    request_id: str
    peer: str


class Dispatch:
    """The current table, and everything that calls are made with."""

    def __init__(
        self,
        *,
        transport: Transport,
        media: MediaFetcher,
        vitals: Vitals,
        accounts: Accounts,
        outcomes: Outcomes,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        draw_seed: Callable[[], int],
    ) -> None:
        self.table = EMPTY_TABLE
        self.transport = transport
        self.flows = Flows(transport, clock)
        self._media = media
        self.outcomes = outcomes
        # For durations and deadlines; the other one for points in time.
        self.clock = clock
        self._wall_clock = wall_clock
        self.guide = Guide(vitals, outcomes, clock)
        self._vitals = vitals
        self._accounts = accounts
        self._draw_seed = draw_seed

    def depart(self, request: Request, wants: Wants, sender: Sender, started: float) -> Journey:
        """Decide where a request goes. An error of ours if there is nowhere."""
        check_model(sender.caller, wants.model)
        options = request.options if request.HasField("options") else None
        seed = None
        if options is not None and options.HasField("seed"):
            seed = options.seed
        decision = self.decide(wants, seed, sender.peer)
        if not decision.stops:
            raise _nowhere(wants, decision, self._vitals.view(), self.clock())
        bounds = bounds_of(options)
        return Journey(
            wants=wants,
            caller=sender.caller,
            request_id=sender.request_id,
            trip=Trip(decision, bounds.attempts),
            started=started,
            deadline=started + bounds.seconds,
            is_strict=bounds.is_strict,
        )

    def decide(self, wants: Wants, seed: int | None, peer: str) -> Decision:
        """Return where a request would go. ModelNotFound if nothing is mapped to the alias."""
        route = self.table.routes.get(wants.model)
        if route is None:
            raise ModelNotFound(f"The model {wants.model!r} does not exist", model=wants.model)
        seed = self._draw_seed() if seed is None else seed
        return decide(route, wants, self._vitals.view(), seed, peer)

    def call(self, journey: Journey, leg: Leg, form: Form[TypedT]) -> Call[TypedT]:
        """Return the call as a candidate's codec gets it."""
        wants = journey.wants
        return Call(
            form,
            alias=wants.model,
            model=leg.candidate.model,
            stream=wants.stream,
            include_usage=wants.include_usage,
            is_strict=journey.is_strict or leg.candidate.is_strict,
            provider=leg.line.target.provider_name,
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
        journey: Journey,
        leg: Leg,
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
        self, journey: Journey, leg: Leg, consumption: Consumption, now: float
    ) -> int | None:
        """Store a charge; return its cost in nano-dollars, None if a price is unknown."""
        return self._accounts.charge(journey, leg, consumption, (now - journey.started) * 1000)


def _nowhere(wants: Wants, decision: Decision, view: View, now: float) -> ConduitError:
    """Return the error that says best why nothing can be tried."""
    reasons = {r.reason for r in decision.rejections}
    names = {r.reason: r.provider_name for r in decision.rejections}
    model = wants.model
    if decision_pb2.REJECTION_REASON_KEY_RESTING in reasons:
        waits = [rest.until - now for rest in view.resting_keys.values()]
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
