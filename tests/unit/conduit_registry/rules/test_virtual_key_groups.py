"""What makes a right group of virtual keys."""

from typing import Any

import pytest

from conduit.v1.budget_pb2 import BUDGET_PERIOD_DAY, Budget
from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit.v1.guardrail_pb2 import Guardrail
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroupSpec
from conduit_kernel.errors import InvalidRequest
from conduit_registry import policy_values, values
from conduit_registry.rules.virtual_key_groups import (
    virtual_key_group_defaults,
    virtual_key_group_fields,
)


def test_only_what_a_spec_gives_is_read() -> None:
    """As of a virtual key."""
    assert virtual_key_group_fields(VirtualKeyGroupSpec()) == {}
    spec = VirtualKeyGroupSpec(
        name=" search ",
        is_enabled=False,
        covers_all=True,
        is_prepaid=True,
        allowed_models=["gpt-*"],
        budgets=[Budget(limit_nano_usd=5_000, period=BUDGET_PERIOD_DAY)],
        usage_limits=UsageLimits(tokens_per_minute=7),
        tags=["team=search"],
        metadata={"owner": "anna"},
        refuse_unpriced=True,
        guardrails=[Guardrail(name="g", patterns=["a"])],
        security=CallerSecurity(allowed_ips=["10.0.0.0/8"], client_certificates=["ann"]),
        allowed_providers=["Main*"],
    )
    spec.expires_at.FromSeconds(9)
    assert virtual_key_group_fields(spec) == {
        "name": "search",
        "is_enabled": False,
        "covers_all": True,
        "is_prepaid": True,
        "allowed_models": ("gpt-*",),
        "budgets": (values.Budget(5_000, BUDGET_PERIOD_DAY),),
        "usage_limits": values.UsageLimits(tokens_per_minute=7),
        "tags": ("team=search",),
        "notes": {"owner": "anna"},
        "refuse_unpriced": True,
        "guardrails": (policy_values.Guardrail("g", 1, 3, ("a",)),),
        "allowed_ips": ("10.0.0.0/8",),
        "require_mtls": False,
        "client_certificates": ("ann",),
        "allowed_providers": ("Main*",),
        "expires_at": 9_000_000,
    }


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"allowed_models": ["a\0"]}, "allowedModels"),
        ({"budgets": [Budget()] * 5}, "budgets"),
        ({"usage_limits": UsageLimits(requests_per_minute=0)}, "limits.requestsPerMinute"),
        ({"tags": ["x" * 129]}, "tags"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"security": CallerSecurity(allowed_ips=["10.0.0.1/8"])}, "security.allowedIPs"),
        ({"allowed_providers": [""]}, "allowedProviders"),
    ],
)
def test_a_group_that_cannot_be_is_refused(given: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as caught:
        virtual_key_group_fields(VirtualKeyGroupSpec(**given))
    assert caught.value.metadata["field"] == field


def test_notes_are_taken_back_by_the_name_that_callers_have_for_them() -> None:
    """`metadata`, which the library of the tables has for itself."""
    assert virtual_key_group_defaults()["metadata"] == {"notes": {}}


def test_rules_are_taken_back_together() -> None:
    """As they are set."""
    assert virtual_key_group_defaults()["security"] == {
        "allowed_ips": (),
        "require_mtls": False,
        "client_certificates": (),
    }
