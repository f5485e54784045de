"""Values that are found by a group that they belong to."""

from collections.abc import Iterable
from typing import Generic, TypeVar

GroupT = TypeVar("GroupT")
IdT = TypeVar("IdT")
ValueT = TypeVar("ValueT")


class Index(Generic[GroupT, IdT, ValueT]):
    """Values by group and id. Groups that are empty are not there."""

    __slots__ = ("groups",)

    def __init__(self) -> None:
        self.groups: dict[GroupT, dict[IdT, ValueT]] = {}

    def put(self, group: GroupT, number: IdT, value: ValueT) -> None:
        """Add a value, or replace the one of its id."""
        values = self.groups.get(group)
        if values is None:
            values = self.groups[group] = {}
        values[number] = value

    def remove(self, group: GroupT, number: IdT) -> None:
        """Remove a value, if it is there."""
        values = self.groups.get(group)
        if values is not None:
            values.pop(number, None)
            if not values:
                del self.groups[group]

    def values(self, group: GroupT) -> Iterable[ValueT]:
        """Return the values of a group."""
        return self.groups.get(group, {}).values()
