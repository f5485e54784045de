"""What is known of the health of providers, as values by which decisions can be replayed."""

from collections.abc import Mapping
from typing import NamedTuple

from conduit_kernel.circuit import OpenCircuit


class Subject(NamedTuple):
    """The thing that a failure is about: an instance, or a model or a key of it."""

    provider_id: int
    model: str = ""
    key_id: str = ""


class Cooldown(NamedTuple):
    """The end of a rest, in monotonic seconds, and its reason."""

    until: float
    # The words of the failure, and its reason in the contract.
    message: str
    reason: str = "PROVIDER_RATE_LIMITED"
    # When it began, and which model was asked for.
    since: float = 0.0
    model: str = ""


class Asked(NamedTuple):
    """Whom an attempt asked, for whom, and when it began."""

    provider_id: int
    model: str
    key_id: str
    # The virtual key's id.
    caller: int
    began: float

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Return what its failure may be about: model at the instance, instance, key."""
        provider_id, model, key_id = self[:3]
        both = Subject(provider_id, model), Subject(provider_id)
        return (*both, Subject(provider_id, "", key_id)) if key_id else both


class HealthView(NamedTuple):
    """The health that decisions take into account; a value, so that they can be replayed."""

    # As they are for the caller.
    open_circuits: Mapping[Subject, OpenCircuit] = {}
    cooldowns: Mapping[Subject, Cooldown] = {}
    # Instances that the Health service has found unhealthy: tried last.
    unhealthy: frozenset[int] = frozenset()
    # The share of the traffic that comes back, where a circuit has just closed.
    returning: Mapping[Subject, float] = {}
    # The moment of all this.
    at: float = 0.0

    def circuit(self, provider_id: int, model: str) -> OpenCircuit | None:
        """Return the circuit that is open for a model at an instance."""
        return _longer(
            self.open_circuits.get(Subject(provider_id)),
            self.open_circuits.get(Subject(provider_id, model)),
        )

    def cooldown(self, provider_id: int, model: str, key_id: str) -> Cooldown | None:
        """Return why a key is not used for a model."""
        found = (
            self.cooldowns.get(Subject(provider_id, "", key_id)),
            self.cooldowns.get(Subject(provider_id, model, key_id)),
        )
        return max((each for each in found if each is not None), default=None)

    def share(self, provider_id: int, model: str) -> float:
        """Return which share of its traffic a model at an instance gets; 1 for all of it."""
        return min(
            self.returning.get(Subject(provider_id), 1.0),
            self.returning.get(Subject(provider_id, model), 1.0),
        )


HEALTHY = HealthView()


def _longer(one: OpenCircuit | None, other: OpenCircuit | None) -> OpenCircuit | None:
    if one is None or other is None:
        return one or other
    return OpenCircuit(max(one.until, other.until), max(one.last_until, other.last_until))
