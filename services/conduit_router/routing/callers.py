"""Virtual keys with all that their groups say, compiled for calls to be checked against."""

from collections.abc import Iterable, Sequence
from math import inf

from msgspec.structs import replace

from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_kernel.access_rules import access_rules
from conduit_router.guardrails.policy import guards_of
from conduit_router.routing.policy import NO_USAGE_POLICY, UsagePolicy, caps_of
from conduit_router.routing.table import Caller


def caller_of(key: VirtualKey, groups: Sequence[VirtualKeyGroup] = ()) -> Caller:
    """Return a virtual key with the groups that it belongs to."""
    levels: list[VirtualKey | VirtualKeyGroup] = [key, *groups]
    allowed = [tuple(each.allowed_models) for each in levels if each.allowed_models]
    served_by = [each.allowed_providers for each in levels if each.allowed_providers]
    ends = [each.expires_at.ToNanoseconds() / 1e9 for each in levels if each.HasField("expires_at")]
    return Caller(
        virtual_key_id=key.id,
        is_enabled=all(each.is_enabled for each in levels),
        expires_at=min(ends, default=inf),
        allowed=allowed[0] if allowed else None,
        also_allowed=tuple(allowed[1:]),
        stream_failover=key.stream_failover,
        caps=caps_of(key),
        rules=access_rules(*(each.security for each in levels)),
        usage=usage_policy_of(key, groups),
        tags=tuple(dict.fromkeys(tag for each in reversed(levels) for tag in each.tags)),
        providers=tuple(tuple(map(str.casefold, names)) for names in served_by) or None,
        group_id=key.group_id,
        guards=guards_of(each for level in levels for each in level.guardrails),
    )


def former_of(caller: Caller, key: VirtualKey) -> Caller:
    """Return who calls with the value before: the same, as long as that one is taken."""
    until = key.former_key_until.ToNanoseconds() / 1e9
    return replace(caller, expires_at=min(caller.expires_at, until))


def usage_policy_of(key: VirtualKey, groups: Sequence[VirtualKeyGroup] = ()) -> UsagePolicy | None:
    """Return what limits the use of a virtual key, at whichever level; None where nothing does."""
    levels: list[VirtualKey | VirtualKeyGroup] = [key, *groups]
    # As the contract has it, a budget is hard where it does not say so.
    is_hard = any(
        budget.is_hard or not budget.HasField("is_hard")
        for each in levels
        for budget in each.budgets
    )
    limits = [each.usage_limits for each in levels]
    policy = UsagePolicy(
        is_hard or key.HasField("budget_nano_usd") or any(each.is_prepaid for each in groups),
        key.outage_allowance_nano_usd,
        _least(each.requests_per_minute for each in limits),
        _least(each.tokens_per_minute for each in limits),
        _least(each.concurrent_requests for each in limits),
        any(each.refuse_unpriced for each in levels),
    )
    is_unlimited = policy._replace(outage_allowance=0) == NO_USAGE_POLICY
    return None if is_unlimited else policy


def _least(limits: Iterable[int]) -> int:
    """Return the least limit; 0 if there is none."""
    return min(filter(None, limits), default=0)
