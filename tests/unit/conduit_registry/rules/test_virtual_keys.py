"""What makes a right virtual key."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.budget_pb2 import BUDGET_PERIOD_DAY, Budget
from conduit.v1.guardrail_pb2 import Guardrail
from conduit.v1.routing_policy_pb2 import STREAM_FAILOVER_FAIL
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel.errors import InvalidRequest
from conduit_registry import policy_values, values
from conduit_registry.rules.virtual_keys import virtual_key_fields


@pytest.mark.parametrize("text", ["", "ab", "x" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"])
def test_a_hash_that_is_none_is_refused(text: str) -> None:
    """Without saying it again."""
    with pytest.raises(InvalidRequest, match="must be the SHA-256 of a key") as caught:
        virtual_key_fields(VirtualKeySpec(key_sha256=text))
    assert caught.value.metadata["field"] == "keySha256"
    assert virtual_key_fields(VirtualKeySpec(key_sha256="Ab" * 32)) == {"hash": b"\xab" * 32}


def test_only_what_a_spec_gives_is_read() -> None:
    """Models are each there once, in their order."""
    assert virtual_key_fields(VirtualKeySpec()) == {}
    spec = VirtualKeySpec(
        name=" ci ",
        is_enabled=False,
        allowed_models=["gpt-4", " fast", "gpt-4"],
        expires_at=Timestamp(seconds=5, nanos=1_000),
        stream_failover=STREAM_FAILOVER_FAIL,
        max_attempts=2,
        timeout=Duration(seconds=30),
        hedging_budget=0.0,
        budget_nano_usd=7,
        budgets=[Budget(limit_nano_usd=5_000, period=BUDGET_PERIOD_DAY)],
        outage_allowance_nano_usd=3,
        usage_limits=UsageLimits(requests_per_minute=60),
        tags=["team=search", "nightly"],
        metadata={"owner": "anna"},
        allowed_providers=["Main*"],
        refuse_unpriced=True,
        guardrails=[Guardrail(name="g", patterns=["a"])],
    )
    assert virtual_key_fields(spec) == {
        "name": "ci",
        "is_enabled": False,
        "allowed_models": ("gpt-4", "fast"),
        "expires_at": 5_000_001,
        "stream_failover": STREAM_FAILOVER_FAIL,
        "max_attempts": 2,
        "timeout": 30_000_000,
        "hedging_budget": 0.0,
        "budget_nano_usd": 7,
        "budgets": (values.Budget(5_000, BUDGET_PERIOD_DAY),),
        "outage_allowance_nano_usd": 3,
        "usage_limits": values.UsageLimits(60, None, None),
        "tags": ("team=search", "nightly"),
        "notes": {"owner": "anna"},
        "allowed_providers": ("Main*",),
        "refuse_unpriced": True,
        "guardrails": (policy_values.Guardrail("g", 1, 3, ("a",)),),
    }


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"allowed_models": ["a\0"]}, "allowedModels"),
        ({"allowed_models": [str(n) for n in range(1001)]}, "allowedModels"),
        ({"expires_at": Timestamp(seconds=-1)}, "expiresAt"),
        ({"expires_at": Timestamp(seconds=2**62)}, "expiresAt"),
        ({"budget_nano_usd": -1}, "budget"),
        ({"budget_nano_usd": 10**18}, "budget"),
        ({"budgets": [Budget()] * 5}, "budgets"),
        ({"outage_allowance_nano_usd": -1}, "outageAllowanceUsd"),
        ({"tags": [str(n) for n in range(17)]}, "tags"),
        ({"tags": ["x" * 129]}, "tags"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"a" * 65: ""}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"allowed_providers": ["a\nb"]}, "allowedProviders"),
        ({"usage_limits": UsageLimits(requests_per_minute=0)}, "limits.requestsPerMinute"),
        ({"usage_limits": UsageLimits(tokens_per_minute=-1)}, "limits.tokensPerMinute"),
        ({"usage_limits": UsageLimits(concurrent_requests=10**7)}, "limits.concurrentRequests"),
        ({"stream_failover": 99}, "streamFailover"),
        ({"max_attempts": 0}, "maxAttempts"),
        ({"max_attempts": 101}, "maxAttempts"),
        ({"timeout": Duration()}, "timeout"),
        ({"timeout": Duration(seconds=3601)}, "timeout"),
        ({"hedging_budget": -0.1}, "hedgingBudget"),
        ({"hedging_budget": 1.1}, "hedgingBudget"),
        ({"hedging_budget": float("nan")}, "hedgingBudget"),
    ],
)
def test_a_virtual_key_that_cannot_be_is_refused(given: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as caught:
        virtual_key_fields(VirtualKeySpec(**given))
    assert caught.value.metadata["field"] == field
