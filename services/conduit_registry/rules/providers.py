"""What makes a right provider instance."""

from typing import Any

from google.protobuf.json_format import MessageToDict

from conduit.v1.provider_pb2 import AbortedStreamPolicy, HealthCheckPolicy, ProviderSpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_providers.catalog import Catalog
from conduit_registry.patches import ProviderPatch, ProviderSecurityPatch
from conduit_registry.rules import fields
from conduit_registry.rules.security import provider_security, with_security
from conduit_registry.values import Provider

MAX_SETTING = 10_000


def provider_defaults() -> dict[str, dict[str, Any]]:
    """Return what each field of an instance goes to when it is taken back."""
    return with_security(Provider, ProviderSecurityPatch)


def provider_fields(spec: ProviderSpec, catalog: Catalog) -> ProviderPatch:
    """Read what a spec says of an instance. Its base URL is checked by `addresses`."""
    given: ProviderPatch = {}
    if spec.HasField("name"):
        given["name"] = limits.text_of(spec, "name")
    if spec.HasField("provider_type"):
        given["provider_type"] = catalog.find(spec.provider_type).name
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.HasField("description"):
        given["description"] = limits.text_of(spec, "description")
    if spec.HasField("settings"):
        given["settings"] = _settings(spec)
    if spec.HasField("security"):
        given |= provider_security(spec.security)
    if spec.HasField("health_check"):
        given["health_check"] = _health_check(spec.health_check)
    if spec.HasField("aborted_streams"):
        given["aborted_streams"] = _aborted_streams(spec.aborted_streams)
    return given | _share_fields(spec) | _discovery_fields(spec)


def _share_fields(spec: ProviderSpec) -> ProviderPatch:
    given: ProviderPatch = {}
    if spec.HasField("weight"):
        given["weight"] = limits.number_of(spec, "weight")
    if spec.HasField("priority"):
        given["priority"] = limits.number_of(spec, "priority")
    return given


def _discovery_fields(spec: ProviderSpec) -> ProviderPatch:
    given: ProviderPatch = {}
    if spec.HasField("enable_model_discovery"):
        given["enable_model_discovery"] = spec.enable_model_discovery
    if spec.HasField("discovery_interval_hours"):
        given["discovery_interval_hours"] = limits.number_of(spec, "discovery_interval_hours")
    return given


def _settings(spec: ProviderSpec) -> dict[str, object]:
    # Which names and kinds of values are right is the catalog's to say.
    try:
        settings: dict[str, object] = MessageToDict(spec.settings)
    except ValueError as error:
        message = "settings must not have numbers that JSON has not, such as infinity"
        raise InvalidRequest(message, field="settings") from error
    for name, value in settings.items():
        if isinstance(value, str):
            limits.text(value, f"settings.{name[: fields.MAX_QUOTED]}", most=MAX_SETTING)
    return settings


def _health_check(policy: HealthCheckPolicy) -> dict[str, int]:
    """Return what a policy says, by the contract's names."""
    return {
        field.name: limits.number_of(policy, field.name, "healthCheck")
        for field, _ in policy.ListFields()
    }


def _aborted_streams(policy: int) -> int:
    if policy not in AbortedStreamPolicy.values():
        names = ", ".join(
            name.removeprefix("ABORTED_STREAM_POLICY_")
            for name in map(AbortedStreamPolicy.Name, AbortedStreamPolicy.values())
        )
        message = f"abortedStreams must be one of {names}"
        raise InvalidRequest(message, field="abortedStreams")
    return policy
