"""Notices changes of mappings, and aliases that are served by nobody any more."""

from collections.abc import Collection, Iterator, Mapping

from conduit.v1 import notification_pb2 as pb
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit_kernel.snapshot import SnapshotState

_WORDS = {
    pb.MAPPING_CHANGE_CREATED: "was created",
    pb.MAPPING_CHANGE_UPDATED: "was changed",
    pb.MAPPING_CHANGE_DELETED: "was deleted",
}


class MappingWatch:
    """Remembers the mappings, and which aliases are served."""

    def __init__(self) -> None:
        self._is_begun = False
        self._mappings: Mapping[int, ModelMapping] = {}
        self._served: dict[str, bool] = {}

    def reload(self, state: SnapshotState) -> Iterator[pb.Notification]:
        """Take the configuration; yield what changed, unless it is the first."""
        old, self._mappings = self._mappings, dict(state.mappings)
        if not self._is_begun:
            self._is_begun = state.is_known
            return
        for number in sorted(old.keys() | self._mappings.keys()):
            before, after = old.get(number), self._mappings.get(number)
            # Messages that are not changed are the same objects, unless all was told anew.
            if before is not after and before != after:
                yield _change(before, after)

    def availability(
        self, state: SnapshotState, unusable: Collection[int]
    ) -> Iterator[pb.Notification]:
        """Take which instances cannot be used; yield the aliases of which that changes anything."""
        served = {alias: _is_served(state, alias, unusable) for alias in state.aliases()}
        old, self._served = self._served, served
        for alias, is_available in sorted(served.items()):
            if old.get(alias, is_available) != is_available:
                yield _available(alias, is_available=is_available)


def _is_served(state: SnapshotState, alias: str, unusable: Collection[int]) -> bool:
    """Tell whether calls of an alias could go to anyone, as routers go by chains and mappings."""
    chained = [
        step.provider_id
        for chain in state.chains_of(alias)
        if chain.is_enabled
        for step in chain.providers
    ]
    mapped = (m.provider_id for m in state.mappings_of(alias) if m.is_enabled)
    return any(provider_id not in unusable for provider_id in chained or mapped)


def _change(before: ModelMapping | None, after: ModelMapping | None) -> pb.Notification:
    mapping = after or before or ModelMapping()
    change = pb.MAPPING_CHANGE_UPDATED
    if before is None:
        change = pb.MAPPING_CHANGE_CREATED
    elif after is None:
        change = pb.MAPPING_CHANGE_DELETED
    data = pb.MappingNotification(
        mapping_id=mapping.id,
        model_alias=mapping.model_alias,
        actual_model_name=mapping.actual_model_name,
        change_type=change,
    )
    return pb.Notification(
        kind=pb.NOTIFICATION_KIND_MAPPING_CHANGED,
        provider_id=mapping.provider_id,
        message=f"The mapping {mapping.id} of {mapping.model_alias} {_WORDS[change]}",
        mapping=data,
    )


def _available(alias: str, *, is_available: bool) -> pb.Notification:
    words = "is served again" if is_available else "is served by no instance that works"
    return pb.Notification(
        kind=pb.NOTIFICATION_KIND_MODEL_AVAILABILITY_CHANGED,
        message=f"The model {alias} {words}",
        model=pb.ModelNotification(model_alias=alias, is_available=is_available),
    )
