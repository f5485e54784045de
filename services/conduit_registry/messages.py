"""Values as the messages of the contract, and as the JSON that the API shows."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

import orjson
from google.protobuf.struct_pb2 import Struct

from conduit.v1 import administrator_pb2 as administrator_pb
from conduit.v1 import administrator_session_pb2 as session_pb
from conduit.v1 import audit_entry_pb2 as audit_pb
from conduit.v1 import budget_pb2 as budget_pb
from conduit.v1 import caller_security_pb2 as security_pb
from conduit.v1 import fallback_chain_pb2 as chain_pb
from conduit.v1 import key_credential_pb2 as key_pb
from conduit.v1 import mcp_server_pb2 as mcp_pb
from conduit.v1 import model_mapping_pb2 as mapping_pb
from conduit.v1 import provider_pb2 as provider_pb
from conduit.v1 import role_pb2 as role_pb
from conduit.v1 import routing_policy_pb2 as policy_pb
from conduit.v1 import usage_limits_pb2 as usage_limits_pb
from conduit.v1 import virtual_key_group_pb2 as group_pb
from conduit.v1 import virtual_key_pb2 as virtual_key_pb
from conduit.v1.administrator_json import administrator_to_json
from conduit.v1.administrator_session_json import administrator_session_to_json
from conduit.v1.fallback_chain_json import fallback_chain_to_json
from conduit.v1.key_credential_json import key_credential_to_json
from conduit.v1.maintenance_window_json import maintenance_window_to_json
from conduit.v1.mcp_server_json import mcp_server_to_json
from conduit.v1.model_mapping_json import model_mapping_to_json
from conduit.v1.provider_json import provider_to_json
from conduit.v1.virtual_key_group_json import virtual_key_group_to_json
from conduit.v1.virtual_key_json import virtual_key_to_json
from conduit_kernel.updates import etag_of
from conduit_registry import mcp_values, values
from conduit_registry.audit_values import AuditEntry
from conduit_registry.maintenance_messages import maintenance_window
from conduit_registry.policy_messages import (
    cache_message,
    duration,
    guardrail_message,
    hedging_message,
    retry_message,
    timeouts_message,
    timestamp,
)

DAY_MICROSECONDS = 24 * 3600 * 1_000_000
# Of the year 9999, which is the last that a Timestamp can hold.
_LAST_MICROSECOND = 253_402_300_799_999_999
ShownT = TypeVar(
    "ShownT",
    provider_pb.Provider,
    key_pb.KeyCredential,
    mapping_pb.ModelMapping,
    chain_pb.FallbackChain,
    virtual_key_pb.VirtualKey,
    group_pb.VirtualKeyGroup,
    mcp_pb.McpServer,
    administrator_pb.Administrator,
)


def _struct(members: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(members)
    return struct


def _with_etag(message: ShownT) -> ShownT:
    message.etag = etag_of(message)
    return message


def provider(value: values.Provider) -> provider_pb.Provider:
    """Return an instance as the API shows it."""
    message = provider_pb.Provider(
        id=value.id,
        name=value.name,
        provider_type=value.provider_type,
        is_enabled=value.is_enabled,
        description=value.description,
        base_url=value.base_url,
        settings=_struct(value.settings),
        weight=value.weight,
        priority=value.priority,
        enable_model_discovery=value.enable_model_discovery,
        discovery_interval_hours=value.discovery_interval_hours,
        security=provider_pb.ProviderSecurity(
            allowed_ips=value.allowed_ips,
            require_mtls=value.require_mtls,
            key_rotation_days=value.key_rotation_days,
            audit_level=provider_pb.AuditLevel.ValueType(value.audit_level),
        ),
        health_check=_health_check(value.health_check),
        aborted_streams=provider_pb.AbortedStreamPolicy.ValueType(value.aborted_streams),
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
    )
    return _with_etag(message)


def key(value: values.Key, *, rotation_days: int = 0, now: int = 0) -> key_pb.KeyCredential:
    """Return a key as the API shows it; due for rotation at a time, if rotation days are given."""
    message = _with_etag(
        key_pb.KeyCredential(
            id=value.api_id,
            provider_id=value.provider_id,
            name=value.name,
            masked_api_key=value.masked_api_key,
            provider_account_group=value.provider_account_group,
            is_enabled=value.is_enabled,
            base_url=value.base_url,
            organization=value.organization,
            project=value.project,
            created_at=timestamp(value.created_at),
            updated_at=timestamp(value.updated_at),
            rotated_at=timestamp(value.rotated_at),
            retires_at=timestamp(value.retires_at),
        )
    )
    # Neither is a change that somebody made.
    if rotation_days and value.retires_at is None:
        due_at = (value.rotated_at or value.created_at) + rotation_days * DAY_MICROSECONDS
        message.is_rotation_due = now >= due_at
        message.rotation_due_at.FromMicroseconds(min(due_at, _LAST_MICROSECOND))
    if value.last_used is not None:
        message.last_used.FromMicroseconds(value.last_used)
    return message


def mapping(value: values.ModelMapping) -> mapping_pb.ModelMapping:
    """Return a mapping as the API shows it."""
    message = mapping_pb.ModelMapping(
        id=value.id,
        model_alias=value.model_alias,
        provider_id=value.provider_id,
        actual_model_name=value.actual_model_name,
        is_enabled=value.is_enabled,
        weight=value.weight,
        priority=value.priority,
        capabilities=value.capabilities,
        strict_parameters=value.strict_parameters,
        timeouts=timeouts_message(value.timeouts),
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
    )
    return _with_etag(message)


def fallback_chain(value: values.FallbackChain) -> chain_pb.FallbackChain:
    """Return a chain as the API shows it."""
    message = chain_pb.FallbackChain(
        id=value.id,
        model_alias=value.model_alias,
        providers=[
            chain_pb.FallbackProvider(
                provider_id=step.provider_id,
                priority=step.priority,
                timeout=duration(step.timeout),
                actual_model_name=step.actual_model_name,
                conditions=map(policy_pb.FallbackCondition.ValueType, step.conditions),
                timeouts=timeouts_message(step.timeouts),
                retries=map(retry_message, step.retries),
            )
            for step in value.providers
        ],
        is_enabled=value.is_enabled,
        strategy=policy_pb.BalancingStrategy.ValueType(value.strategy),
        affinity=policy_pb.AffinityKey.ValueType(value.affinity),
        stream_failover=_stream_failover(value.stream_failover),
        retries=map(retry_message, value.retries),
        prefer_primary_for=duration(value.prefer_primary_for),
        hedging=hedging_message(value.hedging),
        cache=cache_message(value.cache),
        guardrails=map(guardrail_message, value.guardrails),
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
    )
    return _with_etag(message)


def _health_check(value: Mapping[str, object]) -> provider_pb.HealthCheckPolicy | None:
    if not value:
        return None
    policy = provider_pb.HealthCheckPolicy()
    for name, number in value.items():
        setattr(policy, name, number)
    return policy


def _stream_failover(value: int | None) -> policy_pb.StreamFailover.ValueType | None:
    return None if value is None else policy_pb.StreamFailover.ValueType(value)


def _caller_security(
    value: values.VirtualKey | values.VirtualKeyGroup | values.Administrator,
) -> security_pb.CallerSecurity | None:
    security = security_pb.CallerSecurity(
        allowed_ips=value.allowed_ips,
        require_mtls=value.require_mtls,
        client_certificates=value.client_certificates,
    )
    return security if security.ListFields() else None


def virtual_key(value: values.VirtualKey) -> virtual_key_pb.VirtualKey:
    """Return a virtual key as the API shows it, without its value."""
    message = virtual_key_pb.VirtualKey(
        id=value.id,
        name=value.name,
        key_prefix=value.key_prefix,
        is_imported=value.is_imported,
        is_enabled=value.is_enabled,
        allowed_models=value.allowed_models,
        expires_at=timestamp(value.expires_at),
        budget_nano_usd=value.budget_nano_usd,
        stream_failover=_stream_failover(value.stream_failover),
        max_attempts=value.max_attempts,
        timeout=duration(value.timeout),
        hedging_budget=value.hedging_budget,
        security=_caller_security(value),
        budgets=map(_budget, value.budgets),
        outage_allowance_nano_usd=value.outage_allowance_nano_usd,
        rotated_at=timestamp(value.rotated_at),
        former_key_until=timestamp(value.former_key_until),
        usage_limits=_usage_limits(value.usage_limits),
        group_id=value.group_id,
        tags=value.tags,
        metadata=value.notes,
        allowed_providers=value.allowed_providers,
        refuse_unpriced=value.refuse_unpriced,
        guardrails=map(guardrail_message, value.guardrails),
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
    )
    return _with_etag(message)


def virtual_key_group(value: values.VirtualKeyGroup) -> group_pb.VirtualKeyGroup:
    """Return a group of virtual keys as the API shows it."""
    message = group_pb.VirtualKeyGroup(
        id=value.id,
        name=value.name,
        is_enabled=value.is_enabled,
        covers_all=value.covers_all,
        is_prepaid=value.is_prepaid,
        allowed_models=value.allowed_models,
        allowed_providers=value.allowed_providers,
        expires_at=timestamp(value.expires_at),
        security=_caller_security(value),
        budgets=map(_budget, value.budgets),
        usage_limits=_usage_limits(value.usage_limits),
        tags=value.tags,
        metadata=value.notes,
        refuse_unpriced=value.refuse_unpriced,
        guardrails=map(guardrail_message, value.guardrails),
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
    )
    return _with_etag(message)


def mcp_server(value: mcp_values.McpServer) -> mcp_pb.McpServer:
    """Return an MCP server as the API shows it."""
    message = mcp_pb.McpServer(
        id=value.id,
        name=value.name,
        url=value.url,
        is_enabled=value.is_enabled,
        description=value.description,
        header_names=value.header_names,
        grants=(mcp_pb.McpGrant(**each._asdict()) for each in value.grants),
        timeout=duration(value.timeout),
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
    )
    return _with_etag(message)


def _usage_limits(value: values.UsageLimits) -> usage_limits_pb.UsageLimits | None:
    if value == values.NO_USAGE_LIMITS:
        return None
    return usage_limits_pb.UsageLimits(**value._asdict())


def _budget(value: values.Budget) -> budget_pb.Budget:
    return budget_pb.Budget(
        limit_nano_usd=value.limit_nano_usd,
        period=budget_pb.BudgetPeriod.ValueType(value.period),
        is_hard=value.is_hard,
        time_zone=value.time_zone,
        rolling_hours=value.rolling_hours,
    )


def administrator(value: values.Administrator) -> administrator_pb.Administrator:
    """Return an administrator as the API shows it, without its token."""
    message = administrator_pb.Administrator(
        id=value.id,
        name=value.name,
        role=role_pb.Role.ValueType(value.role),
        token_prefix=value.token_prefix,
        is_enabled=value.is_enabled,
        expires_at=timestamp(value.expires_at),
        rotated_at=timestamp(value.rotated_at),
        former_token_until=timestamp(value.former_token_until),
        security=_caller_security(value),
        created_at=timestamp(value.created_at),
        updated_at=timestamp(value.updated_at),
    )
    return _with_etag(message)


def administrator_session(value: values.AdministratorSession) -> session_pb.AdministratorSession:
    """Return the session of somebody who has logged in."""
    return session_pb.AdministratorSession(
        id=value.id,
        subject=value.subject,
        name=value.name,
        role=role_pb.Role.ValueType(value.role),
        address=value.address,
        expires_at=timestamp(value.expires_at),
        created_at=timestamp(value.created_at),
    )


def audit_entry(value: AuditEntry) -> audit_pb.AuditEntry:
    """Return a line of the audit log."""
    return audit_pb.AuditEntry(
        revision=value.revision,
        occurred_at=timestamp(value.occurred_at),
        actor=value.actor,
        peer=value.peer,
        action=audit_pb.AuditAction.ValueType(value.action),
        resource_kind=value.resource_kind,
        resource_id=value.resource_id,
        changes=_struct(value.changes),
        request_id=value.request_id,
        hash=value.hash.hex(),
    )


def discovered(
    models: Iterable[values.DiscoveredModel],
    day_of: Callable[[str], date | None],
    operations_of: Callable[[str], Iterable[str]],
) -> list[provider_pb.DiscoveredModel]:
    """Return discovered models as the API shows them.

    `day_of` tells when one is turned off, and `operations_of` what it is for.
    """
    return [
        provider_pb.DiscoveredModel(
            name=model.name,
            discovered_at=timestamp(model.discovered_at),
            retires_on=day.isoformat() if (day := day_of(model.name)) else None,
            operations=operations_of(model.name),
        )
        for model in models
    ]


def shown(value: values.Resource) -> dict[str, object]:
    """Return a thing as JSON in the API's spelling: no secrets, and no hash."""
    match value:
        case values.Provider():
            told = provider_to_json(provider(value))
        case values.Key():
            told = key_credential_to_json(key(value))
        case values.ModelMapping():
            told = model_mapping_to_json(mapping(value))
        case values.FallbackChain():
            told = fallback_chain_to_json(fallback_chain(value))
        case values.VirtualKey():
            told = virtual_key_to_json(virtual_key(value))
        case values.VirtualKeyGroup():
            told = virtual_key_group_to_json(virtual_key_group(value))
        case values.MaintenanceWindow() | mcp_values.McpServer():
            told = _rarer(value)
        case values.Administrator():
            told = administrator_to_json(administrator(value))
        case values.AdministratorSession():
            told = administrator_session_to_json(administrator_session(value))
    return _json(told)


def _rarer(value: values.MaintenanceWindow | mcp_values.McpServer) -> dict[str, object]:
    if isinstance(value, mcp_values.McpServer):
        return mcp_server_to_json(mcp_server(value))
    return maintenance_window_to_json(maintenance_window(value))


def _json(members: Mapping[str, object]) -> dict[str, object]:
    # Through text, because money is written as a fragment of it.
    plain: dict[str, object] = orjson.loads(orjson.dumps(members))
    return plain
