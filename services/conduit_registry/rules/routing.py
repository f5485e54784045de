"""What makes a right mapping, and a right fallback chain."""

import re
from typing import Any

from conduit.v1.fallback_chain_pb2 import FallbackChainSpec, FallbackProvider
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_registry.patches import ChainPatch, MappingPatch
from conduit_registry.rules import routing_policy
from conduit_registry.values import ModelMapping, Step, defaults_of

_CAPABILITY = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def mapping_defaults() -> dict[str, dict[str, Any]]:
    """Return what each field of a mapping goes to when it is taken back."""
    # The empty name stands for the alias, which the rules alone do not know.
    return defaults_of(ModelMapping) | {"actual_model_name": {"actual_model_name": ""}}


def mapping_fields(spec: ModelMappingSpec) -> MappingPatch:
    """Read what a spec says of a mapping."""
    given: MappingPatch = {}
    if spec.HasField("model_alias"):
        given["model_alias"] = limits.text_of(spec, "model_alias")
    if spec.HasField("provider_id"):
        given["provider_id"] = limits.number_of(spec, "provider_id")
    if spec.HasField("actual_model_name"):
        given["actual_model_name"] = limits.text_of(spec, "actual_model_name")
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.HasField("weight"):
        given["weight"] = limits.number_of(spec, "weight")
    if spec.HasField("priority"):
        given["priority"] = limits.number_of(spec, "priority")
    if spec.capabilities:
        given["capabilities"] = _capabilities(spec)
    if spec.HasField("strict_parameters"):
        given["strict_parameters"] = spec.strict_parameters
    if spec.HasField("timeouts"):
        given["timeouts"] = routing_policy.timeouts(spec.timeouts, "timeouts")
    return given


def chain_fields(spec: FallbackChainSpec) -> ChainPatch:
    """Read what a spec says of a chain."""
    given: ChainPatch = {}
    if spec.HasField("model_alias"):
        given["model_alias"] = limits.text_of(spec, "model_alias")
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.providers:
        given["providers"] = _steps(spec)
    return given | routing_policy.policy_fields(spec)


def _capabilities(spec: ModelMappingSpec) -> tuple[str, ...]:
    field = "capabilities"
    found = limits.names_of(spec, field)
    for text in found:
        if not _CAPABILITY.fullmatch(text):
            message = f"{field} must be names such as vision, not {text!r}"
            raise InvalidRequest(message, field=field)
    return found


def _steps(spec: FallbackChainSpec) -> tuple[Step, ...]:
    limits.check_items(spec, "providers")
    steps = tuple(_step(step, f"providers[{i}]") for i, step in enumerate(spec.providers))
    if steps and all(step.conditions for step in steps):
        message = "providers must have a step without conditions, which calls go to first"
        raise InvalidRequest(message, field="providers")
    seen: set[tuple[int, str]] = set()
    for i, step in enumerate(steps):
        place = step.provider_id, step.actual_model_name
        if place in seen:
            message = f"Provider {step.provider_id} is in the chain twice with the same model"
            raise InvalidRequest(message, field=f"providers[{i}].providerId")
        seen.add(place)
    return steps


def _step(step: FallbackProvider, field: str) -> Step:
    timeout = None
    if step.HasField("timeout"):
        timeout = limits.span_of(step, "timeout", field)
    timeouts = routing_policy.timeouts(step.timeouts, f"{field}.timeouts")
    if timeout is not None and timeouts.first_token is not None:
        message = f"{field}.timeout and {field}.timeouts.firstToken say the same; give one of them"
        raise InvalidRequest(message, field=f"{field}.timeout")
    return Step(
        provider_id=step.provider_id,
        priority=limits.number_of(step, "priority", field),
        timeout=timeout,
        actual_model_name=limits.text_of(step, "actual_model_name", field),
        conditions=routing_policy.conditions(step.conditions, f"{field}.conditions"),
        timeouts=timeouts,
        retries=routing_policy.retries(step.retries, f"{field}.retries"),
    )
