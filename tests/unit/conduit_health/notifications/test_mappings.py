"""What is told of mappings, and of aliases that nobody serves."""

import pytest

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import notification_pb2 as pb
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit_health.notifications.mappings import MappingWatch
from conduit_kernel.snapshot import SnapshotState


def mapping(number: int, provider_id: int = 1, **fields: object) -> ModelMapping:
    """Return a mapping of the alias `fast`."""
    given: dict[str, object] = {"model_alias": "fast", "is_enabled": True, **fields}
    return ModelMapping(id=number, provider_id=provider_id, **given)  # type: ignore[arg-type] # checked by protobuf


def chain(*provider_ids: int, is_enabled: bool = True) -> FallbackChain:
    """Return a chain of the alias `fast`."""
    steps = [FallbackProvider(provider_id=number) for number in provider_ids]
    return FallbackChain(id=1, model_alias="fast", providers=steps, is_enabled=is_enabled)


def state(*mappings: ModelMapping, chains: tuple[FallbackChain, ...] = ()) -> SnapshotState:
    """Return a configuration."""
    snapshot = Snapshot(epoch="e", mappings=mappings, fallback_chains=chains)
    return SnapshotState.of(snapshot)


def test_the_first_configuration_is_no_change() -> None:
    """Nor is one that says the same again."""
    watch = MappingWatch()
    assert list(watch.reload(SnapshotState())) == []
    assert list(watch.reload(state(mapping(1)))) == []
    assert list(watch.reload(state(mapping(1)))) == []


def test_what_was_made_changed_and_deleted_is_told() -> None:
    """In order of id, by what it was or is."""
    watch = MappingWatch()
    list(watch.reload(state(mapping(1), mapping(2))))
    told = list(watch.reload(state(mapping(2, weight=7), mapping(3, provider_id=9))))
    assert [(each.mapping.mapping_id, each.mapping.change_type) for each in told] == [
        (1, pb.MAPPING_CHANGE_DELETED),
        (2, pb.MAPPING_CHANGE_UPDATED),
        (3, pb.MAPPING_CHANGE_CREATED),
    ]
    assert told[0].message == "The mapping 1 of fast was deleted"
    assert told[2].provider_id == 9


@pytest.mark.parametrize(
    ("configured", "is_served"),
    [
        (state(mapping(1)), False),
        (state(mapping(1), mapping(2, provider_id=2)), True),
        (state(mapping(1), mapping(2, provider_id=2, is_enabled=False)), False),
        (state(mapping(1), chains=(chain(2),)), True),
        (state(mapping(1), chains=(chain(1),)), False),
        # Only the steps of a chain serve its alias,
        (state(mapping(1, provider_id=2), chains=(chain(1),)), False),
        # if it is in force,
        (state(mapping(1, provider_id=2), chains=(chain(1, is_enabled=False),)), True),
        (state(mapping(1), chains=(chain(2, is_enabled=False),)), False),
        # and has any.
        (state(mapping(1, provider_id=2), chains=(chain(),)), True),
    ],
)
def test_an_alias_is_served_by_whom_its_calls_could_go_to(
    configured: SnapshotState, *, is_served: bool
) -> None:
    """Instance 1 cannot be used; that all can at first is no news."""
    watch = MappingWatch()
    assert list(watch.availability(configured, ())) == []
    told = list(watch.availability(configured, {1}))
    assert [each.model.is_available for each in told] == ([] if is_served else [False])


def test_an_alias_is_told_of_once_until_it_is_served_again() -> None:
    """By its name; one that is gone is forgotten."""
    watch = MappingWatch()
    configured = state(mapping(1))
    list(watch.availability(configured, ()))
    [told] = watch.availability(configured, {1})
    assert told.message == "The model fast is served by no instance that works"
    assert list(watch.availability(configured, {1})) == []
    [told] = watch.availability(configured, ())
    assert told.message == "The model fast is served again"
    list(watch.availability(configured, {1}))
    assert list(watch.availability(state(), ())) == []
    assert list(watch.availability(configured, ())) == []
