"""How many connections all pools of a client may have together."""

from math import inf
from typing import Protocol


class Keeper(Protocol):
    """Something that keeps connections that nobody uses."""

    @property
    def oldest_deadline(self) -> float:
        """Return when the one used longest ago would end by itself; inf if there is none."""
        ...

    def drop_oldest(self) -> None:
        """End that one."""


class ConnectionBudget:
    """Counts connections over all pools; a connection that none uses makes room for another."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._keepers: list[Keeper] = []

    def join(self, keeper: Keeper) -> None:
        """Take connections that this one keeps for spare ones."""
        self._keepers.append(keeper)

    def acquire(self) -> bool:
        """Count a connection in; False if there may be no more."""
        if self._left <= 0 and not self._drop_oldest():
            return False
        self._left -= 1
        return True

    def release(self) -> None:
        """Count a connection out."""
        self._left += 1

    def _drop_oldest(self) -> bool:
        """End the connection that was used longest ago; it is counted out once it is closed."""
        oldest = min(self._keepers, key=lambda keeper: keeper.oldest_deadline, default=None)
        if oldest is None or oldest.oldest_deadline == inf:
            return False
        oldest.drop_oldest()
        return True
