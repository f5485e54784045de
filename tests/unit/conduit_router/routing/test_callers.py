"""Virtual keys with what their groups say."""

import pytest

from conduit.v1.budget_pb2 import BUDGET_PERIOD_DAY, Budget
from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_kernel.auth_errors import CallerNotAllowed
from conduit_router.routing.callers import caller_of, former_of, usage_policy_of
from conduit_router.routing.policy import UsagePolicy
from conduit_router.virtual_keys import may_use


def test_a_group_narrows_what_its_keys_may_use() -> None:
    """Whatever one level does not allow, no other one does."""
    key = VirtualKey(id=4, is_enabled=True, allowed_models=["gpt-*", "claude"])
    group = VirtualKeyGroup(id=1, is_enabled=True, allowed_models=["*-4", "claude"])
    whole = VirtualKeyGroup(id=2, is_enabled=True, allowed_models=["gpt-*"])
    caller = caller_of(key, (group, whole))
    models = ("gpt-4", "gpt-5", "claude", "o-4")
    assert [may_use(caller, each) for each in models] == [True, False, False, False]
    inherits = caller_of(VirtualKey(id=5, is_enabled=True), (group,))
    assert [may_use(inherits, each) for each in models] == [True, False, True, True]
    assert may_use(caller_of(VirtualKey(id=6, is_enabled=True)), "any")


def test_a_key_of_a_disabled_group_is_disabled() -> None:
    """Until the group is enabled again."""
    key = VirtualKey(id=4, is_enabled=True)
    assert caller_of(key, (VirtualKeyGroup(id=1, is_enabled=True),)).is_enabled
    assert not caller_of(key, (VirtualKeyGroup(id=1),)).is_enabled


def test_a_key_ends_with_the_first_of_its_levels() -> None:
    """Whichever of them says so."""
    key, group, whole = VirtualKey(id=4), VirtualKeyGroup(id=1), VirtualKeyGroup(id=2)
    group.expires_at.FromSeconds(50)
    assert caller_of(key, (group, whole)).expires_at == 50
    whole.expires_at.FromSeconds(40)
    assert caller_of(key, (group, whole)).expires_at == 40
    key.expires_at.FromSeconds(30)
    assert caller_of(key, (group, whole)).expires_at == 30


def test_callers_keep_the_rules_of_each_level() -> None:
    """A network that only one level names lets nobody in, nor does one that only another does."""
    key = VirtualKey(id=4, security=CallerSecurity(allowed_ips=["10.1.0.0/16"]))
    group = VirtualKeyGroup(id=1, security=CallerSecurity(allowed_ips=["10.0.0.0/8"]))
    whole = VirtualKeyGroup(id=2, security=CallerSecurity(client_certificates=["ann"]))
    rules = caller_of(key, (group, whole)).rules
    assert rules is not None
    rules.check("10.1.0.9", "ann")
    for address, certificate in (("10.2.0.9", "ann"), ("10.1.0.9", "bob"), ("10.1.0.9", "")):
        with pytest.raises(CallerNotAllowed):
            rules.check(address, certificate)
    of_group = caller_of(VirtualKey(id=5), (group,)).rules
    assert of_group is not None
    with pytest.raises(CallerNotAllowed):
        of_group.check("11.0.0.1", "ann")


def test_instances_are_allowed_at_each_level() -> None:
    """A level without any says nothing."""
    key = VirtualKey(id=4, allowed_providers=["Main", "3"])
    group = VirtualKeyGroup(id=1, allowed_providers=["M*"])
    empty = VirtualKeyGroup(id=2)
    assert caller_of(key, (group, empty)).providers == (("main", "3"), ("m*",))
    assert caller_of(VirtualKey(id=5), (group, empty)).providers == (("m*",),)
    assert caller_of(VirtualKey(id=6), (empty,)).providers is None


def test_tags_of_groups_come_before_the_keys_own() -> None:
    """Each once, the widest first."""
    key = VirtualKey(id=4, tags=["key", "both"])
    group = VirtualKeyGroup(id=1, tags=["both", "group"])
    assert caller_of(key, (group, VirtualKeyGroup(id=2, tags=["all"]))).tags == (
        *("all", "both", "group", "key"),
    )


def test_the_least_limit_of_all_levels_holds() -> None:
    """And a hard budget at any of them is one."""
    key = VirtualKey(id=4, usage_limits=UsageLimits(requests_per_minute=9, tokens_per_minute=5))
    limits = UsageLimits(requests_per_minute=3, concurrent_requests=2)
    soft = Budget(limit_nano_usd=1, period=BUDGET_PERIOD_DAY, is_hard=False)
    group = VirtualKeyGroup(id=1, usage_limits=limits, budgets=[soft])
    assert usage_policy_of(key, (group,)) == UsagePolicy(requests=3, tokens=5, concurrent=2)
    hard = VirtualKeyGroup(id=2, budgets=[Budget(limit_nano_usd=1, period=BUDGET_PERIOD_DAY)])
    found = usage_policy_of(VirtualKey(id=4), (hard,))
    assert found == UsagePolicy(has_budget=True)
    strict = VirtualKeyGroup(id=3, refuse_unpriced=True)
    assert usage_policy_of(VirtualKey(id=4), (strict,)) == UsagePolicy(refuses_unpriced=True)
    prepaid = VirtualKeyGroup(id=2, is_prepaid=True)
    assert usage_policy_of(VirtualKey(id=4), (prepaid,)) == UsagePolicy(has_budget=True)
    soft_only = VirtualKey(id=4, budgets=[soft], outage_allowance_nano_usd=5)
    assert usage_policy_of(soft_only) is None


def test_the_value_before_is_taken_for_its_time() -> None:
    """Or until the key expires, if that is sooner."""
    key = VirtualKey(id=4)
    key.former_key_until.FromSeconds(50)
    assert former_of(caller_of(key), key).expires_at == 50
    key.expires_at.FromSeconds(40)
    assert former_of(caller_of(key), key).expires_at == 40
