"""What becomes of sessions of administrators, within one transaction."""

from dataclasses import replace

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_LOGGED_IN, AUDIT_ACTION_LOGGED_OUT
from conduit_registry.store import ADMINISTRATOR_SESSION, WriteTransaction
from conduit_registry.values import AdministratorSession

# Of one person, in several browsers, and of all.
MAX_OF_PERSON = 10
MAX_SESSIONS = 5_000


class SessionEditor:
    """Begins and ends sessions. Those that have expired are removed with the next login."""

    def __init__(self, changing: WriteTransaction) -> None:
        self._changing = changing

    async def begin(self, made: AdministratorSession) -> AdministratorSession | None:
        """Begin a session; None where somebody may do nothing, whose sessions end instead.

        All that somebody has have the role of the last one, as groups change. The oldest end where
        there are too many.
        """
        own, others = await self._current(made.subject)
        if not made.role:
            await self._end_all(own)
            return None
        for each in own[-MAX_OF_PERSON + 1 :]:
            changed = replace(each, name=made.name, role=made.role)
            await self._changing.update(ADMINISTRATOR_SESSION, each, changed)
        await self._end_all(own[: -MAX_OF_PERSON + 1])
        await self._end_all(others[: max(0, len(own) + len(others) + 1 - MAX_SESSIONS)])

        def make(number: int) -> AdministratorSession:
            return replace(made, id=number)

        return await self._changing.create(ADMINISTRATOR_SESSION, make, AUDIT_ACTION_LOGGED_IN)

    async def log_out(self, number: int, began_at: int) -> None:
        """End a session for whoever has it; nothing happens if it has ended."""
        for each in await self._changing.some(ADMINISTRATOR_SESSION, [number]):
            if each.created_at == began_at:
                await self._changing.delete(ADMINISTRATOR_SESSION, each, AUDIT_ACTION_LOGGED_OUT)

    async def end(self, numbers: list[int], subject: str) -> list[AdministratorSession]:
        """End sessions by their ids, and all of a person; return those that there were."""
        found = await self._changing.some(ADMINISTRATOR_SESSION, sorted(set(numbers)))
        if subject:
            of_person = await self._changing.every(ADMINISTRATOR_SESSION, subject=subject)
            found += [each for each in of_person if each not in found]
        await self._end_all(found)
        return found

    async def _current(
        self, subject: str
    ) -> tuple[list[AdministratorSession], list[AdministratorSession]]:
        """Return a person's sessions and all others, oldest first; expired ones are removed."""
        own: list[AdministratorSession] = []
        others: list[AdministratorSession] = []
        for each in await self._changing.every(ADMINISTRATOR_SESSION):
            if each.expires_at <= self._changing.now:
                await self._changing.delete(ADMINISTRATOR_SESSION, each)
            else:
                (own if each.subject == subject else others).append(each)
        return own, others

    async def _end_all(self, sessions: list[AdministratorSession]) -> None:
        for each in sessions:
            await self._changing.delete(ADMINISTRATOR_SESSION, each)
