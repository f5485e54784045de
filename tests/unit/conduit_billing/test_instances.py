"""What Billing knows of provider instances."""

import pytest

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.provider_pb2 import Provider
from conduit_billing.instances import Instances
from conduit_kernel.not_found_errors import ProviderNotFound
from conduit_kernel.snapshot import SnapshotState


def told(**names: str) -> SnapshotState:
    """Return the state of a Registry that told of instances."""
    providers = [Provider(id=int(key[1:]), name=name) for key, name in names.items()]
    return SnapshotState.of(Snapshot(epoch="test", revision=1, providers=providers))


def test_before_the_registry_told_anything_every_instance_may_be_there() -> None:
    """Billing serves while there is no Registry."""
    instances = Instances(SnapshotState(), {})
    instances.must_know(999)
    instances.must_remember(999)
    assert instances.name_of(999) == "Provider 999"


def test_once_it_told_others_are_not_found() -> None:
    """Zero stands for all of them."""
    instances = Instances(told(p1="Main"), {})
    instances.must_know(0)
    instances.must_know(1)
    with pytest.raises(ProviderNotFound) as caught:
        instances.must_know(999)
    assert caught.value.message == "Provider with ID 999 not found"
    assert caught.value.metadata["provider_id"] == "999"


def test_one_that_is_gone_is_remembered_by_its_last_name() -> None:
    """Its costs have one; nothing new may be said of it."""
    instances = Instances(told(p1="Main"), {1: "Former", 2: "Gone"})
    assert (instances.name_of(1), instances.name_of(2)) == ("Former", "Gone")
    instances.learn()
    assert (instances.name_of(1), instances.name_of(2)) == ("Main", "Gone")
    instances.must_remember(2)
    with pytest.raises(ProviderNotFound):
        instances.must_know(2)
    with pytest.raises(ProviderNotFound):
        instances.must_remember(3)


def test_only_names_that_are_new_are_to_be_stored() -> None:
    """Until they are noted as stored, so that a database that was away misses none."""
    instances = Instances(told(p1="Main", p2="Same"), {1: "Former", 2: "Same", 3: "Gone"})
    assert instances.not_stored() == {}
    instances.learn()
    names = instances.not_stored()
    assert names == instances.not_stored() == {1: "Main"}
    instances.note_stored(names)
    assert instances.not_stored() == {}
