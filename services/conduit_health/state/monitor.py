"""Holds the state of all instances and notifies subscribers of changes."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from conduit.internal.v1.outcome_pb2 import KeyCheck, SharedCircuit
from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_DISABLED,
    HEALTH_STATUS_UNHEALTHY,
    CircuitState,
    KeyRateLimits,
    ProviderHealth,
)
from conduit_health.history.recorder import HistoryPoint, HistoryRecorder
from conduit_health.notifications.notifier import Notifier
from conduit_health.publish.messages import health_message, limits_messages
from conduit_health.publish.subscribers import Subscribers
from conduit_health.state.circuit import RouterCircuits
from conduit_health.state.instance_state import InstanceState
from conduit_health.state.observation import Observation, check_of
from conduit_health.state.provider_config import (
    USUAL_POLICY,
    CheckPolicy,
    InstanceConfig,
    provider_configs,
)
from conduit_health.state.shared_circuits import SharedCircuits
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.not_found_errors import ProviderNotFound
from conduit_kernel.snapshot import SnapshotState

_UNUSABLE = (HEALTH_STATUS_UNHEALTHY, HEALTH_STATUS_DISABLED)


class Monitor:
    """Takes what was seen, and answers how instances are."""

    def __init__(
        self,
        state: SnapshotState,
        *,
        recorder: HistoryRecorder,
        subscribers: Subscribers,
        notifier: Notifier,
        clock: Callable[[], float],
        policy: CheckPolicy = USUAL_POLICY,
    ) -> None:
        """Take the Registry's state, a clock of seconds since 1970, and the usual policy."""
        self._policy = policy
        self._state = state
        self._recorder = recorder
        self._subscribers = subscribers
        self._notifier = notifier
        self._clock = clock
        self._configs: Mapping[int, InstanceConfig] = {}
        self._instance_states: dict[int, InstanceState] = {}
        self._circuits = RouterCircuits()
        self._shared_circuits = SharedCircuits()
        # What was last told to subscribers.
        self._published: dict[int, ProviderHealth] = {}

    @property
    def instances(self) -> Iterable[InstanceConfig]:
        """Return the instances that exist, in order of id."""
        return self._configs.values()

    def reload(self) -> None:
        """Take what the Registry tells now."""
        old, self._configs = self._configs, provider_configs(self._state, self._policy)
        gone = old.keys() - self._configs.keys()
        for provider_id in gone:
            self._instance_states.pop(provider_id, None)
            self._published.pop(provider_id, None)
            self._notifier.provider_gone(provider_id)
        if gone:
            self._subscribers.tell(gone)
        for config in self._configs.values():
            instance_state = self._instance_states.setdefault(config.id, InstanceState())
            _renew_keys(instance_state, old.get(config.id), config, self._clock())
        self._notifier.configuration_changed(self._state)
        self._tell_usability()
        self.tick()

    def config(self, provider_id: int) -> InstanceConfig:
        """Return an instance. ProviderNotFound, or ServiceUnavailable before any is known."""
        if found := self._configs.get(provider_id):
            return found
        if not self._state.is_known:
            raise ServiceUnavailable("Health does not know the providers yet", service="registry")
        raise ProviderNotFound(
            f"Provider with ID {provider_id} not found", provider_id=str(provider_id)
        )

    def known(self, provider_id: int) -> InstanceConfig | None:
        """Return an instance; None if it is gone."""
        return self._configs.get(provider_id)

    def instance_state(self, provider_id: int) -> InstanceState:
        """Return the state of an instance. ProviderNotFound if there is none."""
        return self._instance_states[self.config(provider_id).id]

    def health(self, provider_id: int) -> ProviderHealth:
        """Return how an instance is. ProviderNotFound if there is none."""
        now = self._clock()
        return health_message(
            self.config(provider_id),
            self.instance_state(provider_id),
            self._circuits.state(provider_id, now),
            now,
        )

    def all(self) -> list[ProviderHealth]:
        """Return how all instances are, in order of id."""
        return [self.health(provider_id) for provider_id in self._configs]

    def limits(self, provider_id: int) -> list[KeyRateLimits]:
        """Return what is known of the limits of an instance's keys."""
        return limits_messages(self.config(provider_id), self.instance_state(provider_id))

    def observe(
        self,
        provider_id: int,
        observations: Sequence[Observation],
        models: Sequence[str] | None = None,
    ) -> None:
        """Take what was seen of an instance; nothing if it is gone by now."""
        config, instance_state = (
            self._configs.get(provider_id),
            self._instance_states.get(provider_id),
        )
        if config is None or instance_state is None:
            return
        known, is_news = {"", *(key.id for key in config.keys)}, False
        for observation in observations:
            is_news |= instance_state.observe(
                observation if observation.key_id in known else observation._replace(key_id="")
            )
            if observation.limits is not None and observation.key_id in known:
                self._notifier.limits_seen(
                    config, observation.key_id, observation.limits, observation.at
                )
        if models is not None:
            instance_state.list_models(models)
        if observations and instance_state.last_check is not None:
            self._record(config, instance_state, observations[-1])
        self._publish([provider_id])
        if is_news:
            self._subscribers.tell([provider_id])

    def is_suspect(self, provider_id: int, key_id: str) -> bool:
        """Tell whether calls were refused because of a key, and no free request since."""
        instance_state = self._instance_states.get(provider_id)
        return instance_state is not None and instance_state.is_suspect(key_id)

    def key_checks(self, provider_ids: Iterable[int]) -> list[KeyCheck]:
        """Return the last free check of each key of some instances that had one."""
        return [
            check_of(provider_id, key_state.check)
            for provider_id in provider_ids
            for key_state in self._instance_states[provider_id].keys.values()
            if key_state.check is not None
        ]

    def report_circuits(
        self, router_id: str, circuits: Mapping[int, CircuitState.ValueType]
    ) -> None:
        """Take the circuits of a router that are not closed."""
        self._circuits.report(router_id, circuits, self._clock())
        self._publish(self._configs)

    def share_circuits(self, router_id: str, circuits: Iterable[SharedCircuit]) -> None:
        """Take the circuits that a router has opened for all callers."""
        if self._shared_circuits.report(router_id, circuits, self._clock()):
            self._subscribers.tell(())

    def shared_circuits(self, router_id: str) -> list[SharedCircuit]:
        """Return the circuits that other routers have opened for all callers."""
        return self._shared_circuits.for_router(router_id, self._clock())

    def avoided(self) -> list[int]:
        """Return the ids of the instances that routers should ask last."""
        return [
            config.id
            for config in self._configs.values()
            if self._instance_states[config.id].is_avoided(config)
        ]

    def tick(self) -> None:
        """Tell of what changed by the passing of time alone: rests end, routers fall silent."""
        self._publish(self._configs)

    def _record(
        self, config: InstanceConfig, instance_state: InstanceState, observation: Observation
    ) -> None:
        self._recorder.offer(
            HistoryPoint(
                provider_id=config.id,
                at=observation.at,
                status=instance_state.status(config, self._clock()),
                response_time_ms=observation.response_time_ms,
                error=observation.detail,
                is_probe=observation.is_probe,
            )
        )

    def _record_change(self, health: ProviderHealth) -> None:
        # What an observation changed is recorded with it already; this is for time and operators.
        self._recorder.offer(
            HistoryPoint(health.provider_id, self._clock(), health.status, None, "", is_probe=False)
        )

    def _tell_usability(self) -> None:
        now = self._clock()
        unusable = {
            config.id
            for config in self._configs.values()
            if self._instance_states[config.id].status(config, now) in _UNUSABLE
        }
        self._notifier.usability_changed(self._state, unusable)

    def _publish(self, provider_ids: Iterable[int]) -> None:
        changed = []
        is_usability_new = False
        for provider_id in provider_ids:
            old, new = self._published.get(provider_id), self.health(provider_id)
            if old is not None and _lasting(old) == _lasting(new):
                continue
            self._published[provider_id] = new
            changed.append(provider_id)
            if old is not None and old.status != new.status:
                self._record_change(new)
            is_usability_new |= old is None or (old.status in _UNUSABLE) != (
                new.status in _UNUSABLE
            )
            self._notifier.health_changed(old, new)
        if is_usability_new:
            self._tell_usability()
        if changed:
            self._subscribers.tell(changed)


def _lasting(health: ProviderHealth) -> bytes:
    """Return what subscribers receive at once: all that is not mere passing of numbers."""
    standing = ProviderHealth()
    standing.CopyFrom(health)
    for field in ("last_check_time", "response_time_ms", "last_error"):
        standing.ClearField(field)
    for key in standing.key_credentials:
        key.ClearField("last_used")
        key.ClearField("rate_limit_remaining")
    return standing.SerializeToString(deterministic=True)


def _renew_keys(
    instance_state: InstanceState, old: InstanceConfig | None, new: InstanceConfig, now: float
) -> None:
    if old is None:
        return
    # A new address of the instance says as much of its keys as a new value.
    moved = old.version != new.version
    versions = {key.id: key.version for key in old.keys}
    for key in new.keys:
        if moved or versions.get(key.id) != key.version:
            instance_state.renew_key(key.id, now)
    for gone in versions.keys() - {key.id for key in new.keys}:
        instance_state.keys.pop(gone, None)
