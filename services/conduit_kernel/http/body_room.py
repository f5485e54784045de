"""How many bytes of request bodies a server holds in memory, of all callers together.

kortix-ai/suna#6835: bodies that each are within their bound end a gateway together.
"""

from collections import Counter


class BodyRoom:
    """Counts bytes of bodies, in all and by what one caller has all addresses of.

    No caller has more than three quarters, so that a quarter is left for the others, but those who
    speak for others.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        self._by_caller = Counter[str]()

    @property
    def left(self) -> int:
        """Return how many more bytes there is room for."""
        return self._left

    def take(self, caller: str, size: int, *, speaks_for_others: bool) -> bool:
        """Count bytes in; False if there is no room for them."""
        of_caller = self._by_caller.get(caller, 0) + size
        most = self._most if speaks_for_others else self._most - self._most // 4
        if size > self._left or of_caller > most:
            return False
        self._left -= size
        self._by_caller[caller] = of_caller
        return True

    def release(self, caller: str, size: int) -> None:
        """Count bytes out."""
        self._left += size
        self._by_caller[caller] -= size
        if not self._by_caller[caller]:
            del self._by_caller[caller]


class HeldBodies:
    """The bytes of one connection: of bodies that come in pieces, until they are answered."""

    __slots__ = ("_caller", "_room", "_speaks_for_others", "size")

    def __init__(self, room: BodyRoom) -> None:
        self.size = 0
        self._room = room
        self._caller = ""
        self._speaks_for_others = False

    def count_as(self, caller: str, *, speaks_for_others: bool) -> None:
        """Take whose they are, before there are any."""
        self._caller = caller
        self._speaks_for_others = speaks_for_others

    def take(self, size: int) -> bool:
        """Count bytes in; False if there is no room for them."""
        if not self._room.take(self._caller, size, speaks_for_others=self._speaks_for_others):
            return False
        self.size += size
        return True

    def release(self) -> None:
        """Count all of them out: nobody has them any more."""
        self._room.release(self._caller, self.size)
        self.size = 0
