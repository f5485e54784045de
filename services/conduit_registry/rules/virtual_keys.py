"""What makes a right virtual key."""

import re
from typing import Any

from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_registry.patches import CallerSecurityPatch, VirtualKeyPatch
from conduit_registry.rules import budgets, fields, routing_policy
from conduit_registry.rules.guardrails import guardrails
from conduit_registry.rules.notes import notes
from conduit_registry.rules.security import add_caller_security, with_security
from conduit_registry.rules.usage_limits import usage_limits
from conduit_registry.values import VirtualKey

_SHA256 = re.compile("[0-9A-Fa-f]{64}")


def virtual_key_fields(spec: VirtualKeySpec) -> VirtualKeyPatch:
    """Read what a spec says of a virtual key."""
    given: VirtualKeyPatch = {}
    if spec.HasField("name"):
        given["name"] = limits.text_of(spec, "name")
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.HasField("expires_at"):
        given["expires_at"] = fields.moment(spec.expires_at, "expiresAt")
    if spec.HasField("stream_failover"):
        given["stream_failover"] = routing_policy.stream_failover(spec.stream_failover)
    if spec.HasField("max_attempts"):
        given["max_attempts"] = limits.number_of(spec, "max_attempts")
    if spec.HasField("timeout"):
        given["timeout"] = limits.span_of(spec, "timeout")
    if spec.HasField("hedging_budget"):
        given["hedging_budget"] = limits.fraction_of(spec, "hedging_budget")
    if spec.guardrails:
        given["guardrails"] = guardrails(spec.guardrails)
    if spec.HasField("key_sha256"):
        given["hash"] = _sha256(spec.key_sha256)
    add_caller_security(given, spec)
    return given | _names(spec) | _spending(spec)


def _sha256(text: str) -> bytes:
    if _SHA256.fullmatch(text) is None:
        message = "keySha256 must be the SHA-256 of a key: 64 hexadecimal digits"
        raise InvalidRequest(message, field="keySha256")
    return bytes.fromhex(text)


def virtual_key_defaults() -> dict[str, dict[str, Any]]:
    """Return what each field goes to when it is taken back."""
    known = with_security(VirtualKey, CallerSecurityPatch)
    # A value is replaced by a rotation alone.
    return known | {"metadata": known["notes"], "key_sha256": {}}


def _names(spec: VirtualKeySpec) -> VirtualKeyPatch:
    given: VirtualKeyPatch = {}
    if spec.allowed_models:
        given["allowed_models"] = limits.names_of(spec, "allowed_models")
    if spec.allowed_providers:
        given["allowed_providers"] = limits.names_of(spec, "allowed_providers")
    if spec.tags:
        given["tags"] = limits.names_of(spec, "tags")
    if spec.metadata:
        given["notes"] = notes(spec)
    return given


def _spending(spec: VirtualKeySpec) -> VirtualKeyPatch:
    given: VirtualKeyPatch = {}
    if spec.HasField("budget_nano_usd"):
        given["budget_nano_usd"] = limits.number_of(spec, "budget_nano_usd")
    if spec.budgets:
        limits.check_items(spec, "budgets")
        given["budgets"] = budgets.budgets(spec.budgets)
    if spec.HasField("group_id"):
        given["group_id"] = spec.group_id
    if spec.HasField("outage_allowance_nano_usd"):
        given["outage_allowance_nano_usd"] = limits.number_of(spec, "outage_allowance_nano_usd")
    if spec.HasField("usage_limits"):
        given["usage_limits"] = usage_limits(spec.usage_limits, "limits")
    if spec.HasField("refuse_unpriced"):
        given["refuse_unpriced"] = spec.refuse_unpriced
    return given
