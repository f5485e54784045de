"""Tickets for connections of the hub, which may come to another worker than asked for one."""

import secrets
from collections.abc import Callable

TICKET_SECONDS = 30.0
# The oldest give way.
MAX_TICKETS = 10_000
TICKET_BYTES = 24


class Tickets:
    """Gives out tickets, each for one use within a short time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock of seconds."""
        self._clock = clock
        # In order of their ends.
        self._ends: dict[str, float] = {}

    def create(self) -> str:
        """Return a new one, which nobody can guess."""
        self._forget()
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        self._ends[ticket] = self._clock() + TICKET_SECONDS
        return ticket

    def redeem(self, ticket: str) -> bool:
        """Use a ticket up; return whether it was one."""
        self._forget()
        return self._ends.pop(ticket, None) is not None

    def _forget(self) -> None:
        now = self._clock()
        while self._ends:
            oldest = next(iter(self._ends))
            if self._ends[oldest] > now and len(self._ends) < MAX_TICKETS:
                return
            del self._ends[oldest]
