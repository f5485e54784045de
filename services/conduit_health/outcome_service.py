"""The OutcomeService: what others saw comes in, how the instances are goes out."""

from collections.abc import AsyncIterator, Callable

from conduit.internal.v1 import outcome_service_pb2 as pb
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceServicer
from conduit_health.checks.scheduler import CheckScheduler
from conduit_health.notifications.budgets import BudgetAlerts
from conduit_health.publish.subscribers import Subscribers
from conduit_health.state.monitor import Monitor
from conduit_health.state.observation import Observation, observation_of, observation_of_check
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.rpc.auth_interceptor import Context

MAX_ENTRIES = 10_000


class OutcomeService(OutcomeServiceServicer):
    """Answers Conduit's own services."""

    def __init__(
        self,
        *,
        monitor: Monitor,
        subscribers: Subscribers,
        checks: CheckScheduler,
        budgets: BudgetAlerts,
        clock: Callable[[], float],
    ) -> None:
        """Take the state of all instances, who follows it, and a clock of seconds since 1970.

        `checks` find out whether keys that were refused are to blame; `budgets` tells of those of
        which a share is spent.
        """
        self._monitor = monitor
        self._checks = checks
        self._budgets = budgets
        self._subscribers = subscribers
        self._clock = clock

    async def ReportOutcomes(
        self, request: pb.ReportOutcomesRequest, context: Context
    ) -> pb.ReportOutcomesResponse:
        """Take what a router saw; what is about an instance that is gone is let go."""
        for field, entries in (
            ("outcomes", request.outcomes),
            ("circuits", request.circuits),
            ("shared_circuits", request.shared_circuits),
            ("key_checks", request.key_checks),
            ("budgets", request.budgets),
        ):
            if len(entries) > MAX_ENTRIES:
                message = f"{field} may have at most {MAX_ENTRIES} entries"
                raise InvalidRequest(message, field=field)
        now = self._clock()
        observations: dict[int, list[Observation]] = {}
        for outcome in request.outcomes:
            observations.setdefault(outcome.provider_id, []).append(observation_of(outcome, now))
        for check in request.key_checks:
            seen = observations.setdefault(check.provider_id, [])
            seen.append(observation_of_check(check, now))
        for provider_id, seen in observations.items():
            # In the order in which it happened: a success ends the failures before it alone.
            self._monitor.observe(provider_id, sorted(seen, key=lambda each: each.at))
            for key_id in {each.key_id for each in seen}:
                self._checks.confirm(provider_id, key_id)
        if request.router_id:
            circuits = {each.provider_id: each.state for each in request.circuits}
            self._monitor.report_circuits(request.router_id, circuits)
            self._monitor.share_circuits(request.router_id, request.shared_circuits)
        await self._budgets.take(request.budgets)
        return pb.ReportOutcomesResponse()

    async def WatchHealth(
        self, request: pb.WatchHealthRequest, context: Context
    ) -> AsyncIterator[pb.WatchHealthResponse]:
        """Stream how the instances are: all first, then each that changes."""
        known: set[int] | None = None
        changed: set[int] = set()
        with self._subscribers.watching() as watch:
            while not watch.is_closed:
                now = {config.id for config in self._monitor.instances}
                # Changes cannot say that an instance is gone.
                is_complete = known is None or bool(known - now)
                ids = now if is_complete else changed & now
                yield pb.WatchHealthResponse(
                    providers=[self._monitor.health(each) for each in sorted(ids)],
                    is_complete=is_complete,
                    avoided_provider_ids=self._monitor.avoided(),
                    shared_circuits=self._monitor.shared_circuits(request.router_id),
                    key_checks=self._monitor.key_checks(sorted(ids)),
                )
                known = now
                changed = await watch.next()

    def end_watches(self) -> None:
        """End all streams, so that a draining server need not wait for them."""
        self._subscribers.close()
