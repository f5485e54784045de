"""From mappings and chains to routes: who may serve an alias, and why the others may not."""

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.snapshots import ALIAS, compiled, key, mapping, provider, snapshot

from conduit.v1 import decision_pb2 as pb
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit_router.routing.table import Route


def route(
    *providers: Provider,
    mappings: list[ModelMapping] | None = None,
    chain: FallbackChain | None = None,
) -> Route:
    """Return the route of the alias."""
    source = snapshot(providers, mappings=mappings, chains=[chain] if chain else [])
    return compiled(source).routes[ALIAS]


def chain(*steps: FallbackProvider, is_enabled: bool = True) -> FallbackChain:
    """Return a chain of the alias."""
    return FallbackChain(id=1, model_alias=ALIAS, is_enabled=is_enabled, providers=steps)


def test_a_mapping_says_more_than_its_instance_also_when_it_says_zero() -> None:
    """Unset differs from zero: an instance's own weight is not used where a mapping says none."""
    own = provider(1, weight=5, priority=7)
    [plain] = route(own).candidates
    assert (plain.weight, plain.priority) == (5, 7)
    [ranked] = route(own, mappings=[mapping(1, 1, priority=0)]).candidates
    assert ranked.priority == 0
    weightless = route(own, mappings=[mapping(1, 1, weight=0)])
    assert weightless.candidates == ()
    assert [r.reason for r in weightless.rejections] == [pb.REJECTION_REASON_ZERO_WEIGHT]


@pytest.mark.parametrize(
    ("instance", "mapped", "reason"),
    [
        (provider(1, is_enabled=False), mapping(1, 1), pb.REJECTION_REASON_PROVIDER_DISABLED),
        (provider(1), mapping(1, 1, is_enabled=False), pb.REJECTION_REASON_MAPPING_DISABLED),
    ],
    ids=["instance", "mapping"],
)
def test_what_is_disabled_is_left_out_with_its_reason(
    instance: Provider, mapped: ModelMapping, reason: pb.RejectionReason.ValueType
) -> None:
    """The alias stays: a caller is told why, not that there is no such model."""
    made = route(instance, mappings=[mapped])
    assert made.candidates == ()
    assert [r.reason for r in made.rejections] == [reason]


def test_an_instance_without_a_usable_key_is_left_out() -> None:
    """Its disabled key is named, too."""
    source = snapshot([provider(1)], keys=[key(1, 1, is_enabled=False)])
    reasons = {r.reason for r in compiled(source).routes[ALIAS].rejections}
    assert pb.REJECTION_REASON_NO_KEY in reasons


def test_a_step_may_ask_an_instance_for_another_model() -> None:
    """The same instance is two candidates then; a chain without steps leaves it to the mappings."""
    made = route(
        provider(1),
        chain=chain(
            FallbackProvider(provider_id=1, priority=1),
            FallbackProvider(provider_id=1, priority=2, actual_model_name="large"),
        ),
    )
    assert [c.model for c in made.candidates] == ["model-1", "large"]
    assert [c.model for c in route(provider(1), chain=chain()).candidates] == ["model-1"]


def test_a_chain_orders_and_bounds_and_leaves_the_others_out() -> None:
    """By its own priorities and times; who is mapped but not named is said to be outside."""
    made = route(
        provider(1, priority=1),
        provider(2, priority=2),
        provider(3),
        chain=chain(
            FallbackProvider(provider_id=1, priority=9, timeout=Duration(nanos=500_000_000)),
            FallbackProvider(provider_id=2, priority=3),
        ),
    )
    assert [(c.provider_id, c.timeout) for c in made.candidates] == [(2, None), (1, 0.5)]
    assert [(r.provider_id, r.reason) for r in made.rejections] == [
        (3, pb.REJECTION_REASON_NOT_IN_CHAIN)
    ]


@pytest.mark.parametrize(
    "unused", [chain(FallbackProvider(provider_id=2), is_enabled=False), chain()]
)
def test_a_chain_that_is_disabled_or_empty_changes_nothing(unused: FallbackChain) -> None:
    """The mappings are in force."""
    assert [c.provider_id for c in route(provider(1), provider(2), chain=unused).candidates] == [
        1,
        2,
    ]


def test_a_step_to_an_instance_that_is_gone_is_passed_over() -> None:
    """What is left of the chain serves."""
    made = route(
        provider(1),
        chain=chain(FallbackProvider(provider_id=9), FallbackProvider(provider_id=1)),
    )
    assert [c.provider_id for c in made.candidates] == [1]


def test_an_alias_that_nothing_names_has_no_route() -> None:
    """Not an empty one, which would be listed."""
    assert compiled(snapshot([provider(1)], mappings=[])).routes == {}
