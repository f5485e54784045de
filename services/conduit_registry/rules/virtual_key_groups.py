"""What makes a right group of virtual keys."""

from typing import Any

from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroupSpec
from conduit_kernel import limits
from conduit_registry.patches import CallerSecurityPatch, VirtualKeyGroupPatch
from conduit_registry.rules import budgets, fields
from conduit_registry.rules.guardrails import guardrails
from conduit_registry.rules.notes import notes
from conduit_registry.rules.security import add_caller_security, with_security
from conduit_registry.rules.usage_limits import usage_limits
from conduit_registry.values import VirtualKeyGroup


def virtual_key_group_fields(spec: VirtualKeyGroupSpec) -> VirtualKeyGroupPatch:
    """Read what a spec says of a group."""
    given = _choices(spec)
    if spec.HasField("name"):
        given["name"] = limits.text_of(spec, "name")
    if spec.allowed_models:
        given["allowed_models"] = limits.names_of(spec, "allowed_models")
    if spec.allowed_providers:
        given["allowed_providers"] = limits.names_of(spec, "allowed_providers")
    if spec.HasField("expires_at"):
        given["expires_at"] = fields.moment(spec.expires_at, "expiresAt")
    if spec.budgets:
        limits.check_items(spec, "budgets")
        given["budgets"] = budgets.budgets(spec.budgets)
    if spec.HasField("usage_limits"):
        given["usage_limits"] = usage_limits(spec.usage_limits, "limits")
    if spec.tags:
        given["tags"] = limits.names_of(spec, "tags")
    if spec.guardrails:
        given["guardrails"] = guardrails(spec.guardrails)
    if spec.metadata:
        given["notes"] = notes(spec)
    add_caller_security(given, spec)
    return given


def _choices(spec: VirtualKeyGroupSpec) -> VirtualKeyGroupPatch:
    """Read what is either so or not."""
    given: VirtualKeyGroupPatch = {}
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.HasField("covers_all"):
        given["covers_all"] = spec.covers_all
    if spec.HasField("is_prepaid"):
        given["is_prepaid"] = spec.is_prepaid
    if spec.HasField("refuse_unpriced"):
        given["refuse_unpriced"] = spec.refuse_unpriced
    return given


def virtual_key_group_defaults() -> dict[str, dict[str, Any]]:
    """Return what each field goes to when it is taken back."""
    known = with_security(VirtualKeyGroup, CallerSecurityPatch)
    return known | {"metadata": known["notes"]}
