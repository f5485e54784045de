"""What makes a right mapping, and a right fallback chain."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from conduit.v1.fallback_chain_pb2 import FallbackChainSpec, FallbackProvider
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.routing_policy_pb2 import FALLBACK_CONDITION_CONTEXT_TOO_LONG
from conduit.v1.timeouts_pb2 import Timeouts
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.routing import (
    chain_fields,
    mapping_defaults,
    mapping_fields,
)
from conduit_registry.values import Step
from conduit_registry.values import Timeouts as Limits

SECOND = Duration(seconds=1)


def test_only_what_a_mapping_gives_is_read() -> None:
    """A weight of zero is given; repeated capabilities are one."""
    assert mapping_fields(ModelMappingSpec()) == {}
    spec = ModelMappingSpec(
        model_alias=" fast ",
        provider_id=7,
        actual_model_name="gpt-4o",
        is_enabled=False,
        weight=0,
        priority=2,
        capabilities=["vision", "tools", "vision"],
        strict_parameters=True,
        timeouts=Timeouts(idle=Duration(seconds=30)),
    )
    assert mapping_fields(spec) == {
        "model_alias": "fast",
        "provider_id": 7,
        "actual_model_name": "gpt-4o",
        "is_enabled": False,
        "weight": 0,
        "priority": 2,
        "capabilities": ("vision", "tools"),
        "strict_parameters": True,
        "timeouts": Limits(idle=30_000_000),
    }


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"model_alias": " "}, "modelAlias"),
        ({"model_alias": "x" * 201}, "modelAlias"),
        ({"actual_model_name": ""}, "actualModelName"),
        ({"actual_model_name": "x" * 501}, "actualModelName"),
        ({"weight": -1}, "weight"),
        ({"priority": 1_000_001}, "priority"),
        ({"timeouts": Timeouts(connect=Duration(seconds=601))}, "timeouts.connect"),
        ({"capabilities": ["Vision!"]}, "capabilities"),
        ({"capabilities": ["visión"]}, "capabilities"),
        ({"capabilities": [f"c{number}" for number in range(101)]}, "capabilities"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(given: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as caught:
        mapping_fields(ModelMappingSpec(**given))
    assert caught.value.metadata["field"] == field


def test_an_actual_name_that_is_taken_back_stands_for_the_alias() -> None:
    """What identifies a mapping cannot be taken back."""
    known = mapping_defaults()
    assert known["actual_model_name"] == {"actual_model_name": ""}
    assert known["weight"] == {"weight": None}
    assert not {"model_alias", "provider_id"} & known.keys()


def test_a_chain_keeps_the_order_of_its_steps() -> None:
    """A step without a timeout has none, which is not zero."""
    spec = FallbackChainSpec(
        model_alias="fast",
        is_enabled=False,
        providers=[
            FallbackProvider(provider_id=2, priority=9, timeout=Duration(seconds=600)),
            FallbackProvider(provider_id=1),
        ],
    )
    assert chain_fields(spec) == {
        "model_alias": "fast",
        "is_enabled": False,
        "providers": (Step(2, 9, 600_000_000), Step(1, 0, None)),
    }
    assert chain_fields(FallbackChainSpec()) == {}


def test_an_instance_may_be_in_a_chain_with_several_models() -> None:
    """Each step with its own conditions and timeouts."""
    spec = FallbackChainSpec(
        providers=[
            FallbackProvider(provider_id=1),
            FallbackProvider(
                provider_id=1,
                actual_model_name=" large ",
                conditions=[FALLBACK_CONDITION_CONTEXT_TOO_LONG],
                timeouts=Timeouts(total=Duration(seconds=90)),
            ),
        ]
    )
    assert chain_fields(spec)["providers"] == (
        Step(1, 0),
        Step(
            1,
            0,
            actual_model_name="large",
            conditions=(FALLBACK_CONDITION_CONTEXT_TOO_LONG,),
            timeouts=Limits(total=90_000_000),
        ),
    )


def steps(*ids: int, **fields: object) -> list[FallbackProvider]:
    """Return steps."""
    given: dict[str, Any] = fields
    return [FallbackProvider(provider_id=number, **given) for number in ids]


@pytest.mark.parametrize(
    ("providers", "field"),
    [
        (steps(1, 2, 1), "providers[2].providerId"),
        (steps(1, 1, actual_model_name="gpt-4o"), "providers[1].providerId"),
        (steps(1, actual_model_name="x" * 501), "providers[0].actualModelName"),
        (steps(1, conditions=[0]), "providers[0].conditions"),
        (steps(1, timeouts=Timeouts(idle=Duration())), "providers[0].timeouts.idle"),
        (
            steps(
                1, timeout=Duration(seconds=1), timeouts=Timeouts(first_token=Duration(seconds=2))
            ),
            "providers[0].timeout",
        ),
        (steps(*range(1, 102)), "providers"),
        (steps(1) + steps(2, priority=-1), "providers[1].priority"),
        (steps(1, timeout=Duration()), "providers[0].timeout"),
        (steps(1, timeout=Duration(seconds=-1)), "providers[0].timeout"),
        (steps(1, timeout=Duration(seconds=600, nanos=1_000)), "providers[0].timeout"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(providers: list[FallbackProvider], field: str) -> None:
    """The error names the step."""
    with pytest.raises(InvalidRequest) as caught:
        chain_fields(FallbackChainSpec(model_alias="a", providers=providers))
    assert caught.value.metadata["field"] == field
