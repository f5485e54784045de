"""What Health needs to know of the configuration."""

from google.protobuf.timestamp_pb2 import Timestamp

from conduit.internal.v1.snapshot_pb2 import SealedSecret, Snapshot, SnapshotKey
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit_health.state.provider_config import InstanceConfig, provider_configs
from conduit_kernel.snapshot import SnapshotState


def key(
    number: int, provider_id: int = 1, ciphertext: bytes = b"a", **fields: object
) -> SnapshotKey:
    """Return a key."""
    given: dict[str, object] = {"is_enabled": True, **fields}
    credential = KeyCredential(id=f"key_{number}", provider_id=provider_id, **given)  # type: ignore[arg-type] # checked by protobuf
    return SnapshotKey(credential=credential, secret=SealedSecret(ciphertext=ciphertext))


def configs(*keys: SnapshotKey, mappings: tuple[ModelMapping, ...] = ()) -> list[InstanceConfig]:
    """Return what is known of two instances."""
    providers = [
        Provider(id=number, name=f"p{number}", provider_type="OpenAI", is_enabled=number == 1)
        for number in (2, 1)
    ]
    snapshot = Snapshot(epoch="e", providers=providers, keys=keys, mappings=mappings)
    return list(provider_configs(SnapshotState.of(snapshot)).values())


def test_instances_are_in_order_of_id_and_their_keys_of_their_numbers() -> None:
    """`key_9` comes before `key_10`."""
    first, second = configs(key(10), key(9), key(3, provider_id=2))
    assert (first.id, first.is_enabled, second.id, second.is_enabled) == (1, True, 2, False)
    assert [each.id for each in first.keys] == ["key_9", "key_10"]
    assert [each.id for each in second.keys] == ["key_3"]


def test_an_instance_is_called_with_its_enabled_keys() -> None:
    """One without any key is called without; one whose keys are all disabled is not."""
    first, without = configs(key(1), key(2, is_enabled=False))
    assert (first.key_ids, without.key_ids) == (("key_1",), ("",))
    assert configs(key(2, is_enabled=False))[0].key_ids == ()


def test_a_version_changes_with_what_a_key_may_open() -> None:
    """Its value, or whatever an operator changed of it; a use is no change."""
    [version] = {configs(key(1))[0].keys[0].version for _ in range(2)}
    used = configs(key(1, last_used=Timestamp(seconds=5, nanos=500_000_000)))[0].keys[0]
    assert (used.version, used.last_used) == (version, 5.5)
    for changed in (key(1, ciphertext=b"b"), key(1, updated_at=Timestamp(seconds=1))):
        assert configs(changed)[0].keys[0].version != version


def test_models_are_those_of_enabled_mappings() -> None:
    """Under the provider's own names, each once."""

    def mapping(number: int, model: str, *, is_enabled: bool = True) -> ModelMapping:
        return ModelMapping(
            id=number, provider_id=1, actual_model_name=model, is_enabled=is_enabled
        )

    first, second = configs(
        mappings=(mapping(1, "a"), mapping(2, "a"), mapping(3, "b", is_enabled=False))
    )
    assert (first.models, second.models) == (frozenset({"a"}), frozenset())


def test_keys_and_mappings_of_what_is_not_there_are_nobodys() -> None:
    """The Registry tells of an instance's end before that of its keys."""
    assert len(configs(key(1, provider_id=9), mappings=(ModelMapping(id=1, provider_id=9),))) == 2
