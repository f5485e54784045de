"""The Registry's configuration as a follower holds it."""

from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit.v1.registry_requests_pb2 import WatchResponse
from conduit.v1.snapshot_pb2 import Snapshot, SnapshotChange, SnapshotKey, SnapshotVirtualKey


class SnapshotState:
    """Everything that the Registry reported, by id. Change it with `apply` only."""

    def __init__(self) -> None:
        self.epoch = ""
        self.revision = 0
        self.providers: dict[int, Provider] = {}
        self.keys: dict[str, SnapshotKey] = {}
        self.mappings: dict[int, ModelMapping] = {}
        self.fallback_chains: dict[int, FallbackChain] = {}
        self.virtual_keys: dict[int, SnapshotVirtualKey] = {}

    @classmethod
    def of(cls, snapshot: Snapshot) -> "SnapshotState":
        """Return the state that a snapshot describes."""
        state = cls()
        state._load(snapshot)
        return state

    @property
    def is_known(self) -> bool:
        """Whether the Registry, or a file that it once filled, has reported anything yet."""
        return bool(self.epoch)

    def apply(self, response: WatchResponse) -> bool:
        """Take a message of `Watch`; return whether it changed anything."""
        if response.HasField("snapshot"):
            self._load(response.snapshot)
            return True
        for change in response.changes:
            self._apply_one(change)
        self.revision = max(self.revision, response.revision)
        return bool(response.changes)

    def to_snapshot(self) -> Snapshot:
        """Return the state as one message."""
        return Snapshot(
            epoch=self.epoch,
            revision=self.revision,
            providers=self.providers.values(),
            keys=self.keys.values(),
            mappings=self.mappings.values(),
            fallback_chains=self.fallback_chains.values(),
            virtual_keys=self.virtual_keys.values(),
        )

    def keys_of(self, provider_id: int) -> list[SnapshotKey]:
        """Return the keys of an instance, in order of id."""
        return [k for k in self.keys.values() if k.credential.provider_id == provider_id]

    def _load(self, snapshot: Snapshot) -> None:
        self.epoch = snapshot.epoch
        self.revision = snapshot.revision
        self.providers = {p.id: p for p in snapshot.providers}
        self.keys = {k.credential.id: k for k in snapshot.keys}
        self.mappings = {m.id: m for m in snapshot.mappings}
        self.fallback_chains = {c.id: c for c in snapshot.fallback_chains}
        self.virtual_keys = {v.virtual_key.id: v for v in snapshot.virtual_keys}

    def _apply_one(self, change: SnapshotChange) -> None:
        match change.WhichOneof("change"):
            case "provider":
                self.providers[change.provider.id] = change.provider
            case "key":
                self.keys[change.key.credential.id] = change.key
            case "mapping":
                self.mappings[change.mapping.id] = change.mapping
            case "fallback_chain":
                self.fallback_chains[change.fallback_chain.id] = change.fallback_chain
            case "virtual_key":
                self.virtual_keys[change.virtual_key.virtual_key.id] = change.virtual_key
            case _:
                self._delete_one(change)

    def _delete_one(self, change: SnapshotChange) -> None:
        # Ids that are not there are no error: a change may be reported twice.
        self.providers.pop(change.deleted_provider_id, None)
        self.keys.pop(change.deleted_key_id, None)
        self.mappings.pop(change.deleted_mapping_id, None)
        self.fallback_chains.pop(change.deleted_fallback_chain_id, None)
        self.virtual_keys.pop(change.deleted_virtual_key_id, None)
