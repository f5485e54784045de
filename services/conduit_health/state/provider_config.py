"""What Health needs to know of the configuration: instances, their keys, the models they serve."""

from collections.abc import Mapping
from typing import NamedTuple

from conduit.v1.provider_pb2 import HealthCheckPolicy
from conduit_kernel.snapshot import SnapshotState


class CheckPolicy(NamedTuple):
    """The way an instance is checked."""

    interval_seconds: float = 300.0
    # Of a check, retries included.
    timeout_seconds: float = 30.0
    retries: int = 3
    # Failures in a row after which it is unhealthy.
    failure_threshold: int = 3


USUAL_POLICY = CheckPolicy()


class KeyConfig(NamedTuple):
    """A key. `version` changes when its value or its address may have."""

    id: str
    is_enabled: bool
    version: int
    # Seconds since 1970; 0 if it never was.
    last_used: float


class InstanceConfig(NamedTuple):
    """An instance with its keys, in order of id."""

    id: int
    name: str
    provider_type: str
    is_enabled: bool
    version: int
    keys: tuple[KeyConfig, ...]
    # The provider's own names of the models that are mapped to it.
    models: frozenset[str]
    policy: CheckPolicy = USUAL_POLICY

    @property
    def key_versions(self) -> dict[str, int]:
        """Return the versions of all keys, by id."""
        return {key.id: key.version for key in self.keys}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Return the keys to call with: the enabled ones; an empty id stands for no key at all."""
        if not self.keys:
            return ("",)
        return tuple(key.id for key in self.keys if key.is_enabled)


def policy_of(given: HealthCheckPolicy, usual: CheckPolicy) -> CheckPolicy:
    """Return how an instance is checked whose own policy may leave much to the usual one."""
    return CheckPolicy(
        given.check_interval_minutes * 60.0
        if given.HasField("check_interval_minutes")
        else usual.interval_seconds,
        given.timeout_seconds if given.HasField("timeout_seconds") else usual.timeout_seconds,
        given.retry_attempts if given.HasField("retry_attempts") else usual.retries,
        given.failure_threshold if given.HasField("failure_threshold") else usual.failure_threshold,
    )


def provider_configs(
    state: SnapshotState, usual: CheckPolicy = USUAL_POLICY
) -> Mapping[int, InstanceConfig]:
    """Return all instances, by id, in order of id."""
    keys: dict[int, list[KeyConfig]] = {}
    for each in state.keys.values():
        credential = each.credential
        # Nobody is told that a former value, which goes by itself, does not work any more.
        if credential.HasField("retires_at"):
            continue
        keys.setdefault(credential.provider_id, []).append(
            KeyConfig(
                id=credential.id,
                is_enabled=credential.is_enabled,
                version=hash((credential.updated_at.ToNanoseconds(), each.secret.ciphertext)),
                last_used=credential.last_used.ToNanoseconds() / 1e9,
            )
        )
    models: dict[int, set[str]] = {}
    for mapping in state.mappings.values():
        if mapping.is_enabled:
            models.setdefault(mapping.provider_id, set()).add(mapping.actual_model_name)
    return {
        provider.id: InstanceConfig(
            id=provider.id,
            name=provider.name,
            provider_type=provider.provider_type,
            is_enabled=provider.is_enabled,
            version=provider.updated_at.ToNanoseconds(),
            keys=tuple(sorted(keys.get(provider.id, ()), key=_number)),
            models=frozenset(models.get(provider.id, ())),
            policy=policy_of(provider.health_check, usual),
        )
        for provider in sorted(state.providers.values(), key=lambda p: p.id)
    }


def _number(key: KeyConfig) -> tuple[int, str]:
    # `key_9` comes before `key_10`.
    return len(key.id), key.id
