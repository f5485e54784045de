"""Counts refused logins for the audit log, so that no attacker fills it.

A line is of one address, one reason and one minute. Of one minute there are at most so many lines;
what else comes is counted in one more.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import grpc

from conduit.internal.v1.audit_record_pb2 import RefusedLogins as RefusedLoginsMessage
from conduit.internal.v1.audit_service_pb2 import ReportRefusedLoginsRequest
from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceStub
from conduit_kernel.background import Background

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceAsyncStub

MINUTE_SECONDS = 60
# Of one minute, each with its own line.
MAX_ADDRESSES = 20
# What waits while the Registry is away.
MAX_WAITING = 60 * MAX_ADDRESSES
OTHERS = "(others)"
REPORT_SECONDS = 5.0
CALL_SECONDS = 10.0
# As a process ends.
LAST_SECONDS = 1.0


class RefusedLogin(NamedTuple):
    """The refused logins of one line."""

    # Since 1970.
    minute: int
    address: str
    reason: str


class RefusedLogins:
    """Counts the refused logins of a process until they are told or written."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock of seconds since 1970."""
        self._clock = clock
        self._counts: dict[RefusedLogin, int] = {}
        # By minute.
        self._lines: dict[int, int] = {}
        # Set while there are any.
        self.waiting = asyncio.Event()

    @property
    def are_any(self) -> bool:
        """Return whether any were counted that nobody took."""
        return bool(self._counts)

    def note(self, address: str, reason: str) -> None:
        """Count one that was refused now."""
        self.add([(RefusedLogin(self.minute(), address, reason), 1)])

    def add(self, counts: Iterable[tuple[RefusedLogin, int]]) -> None:
        """Count these, too."""
        for login, count in counts:
            known = self._known(login)
            self._counts[known] = self._counts.get(known, 0) + count
        if self._counts:
            self.waiting.set()

    def take(self, before: int | None = None) -> list[tuple[RefusedLogin, int]]:
        """Return what was counted, in order, and forget it; of minutes before one alone."""
        is_due = [each for each in self._counts if before is None or each.minute < before]
        for minute in {each.minute for each in is_due}:
            del self._lines[minute]
        return [(each, self._counts.pop(each)) for each in sorted(is_due)]

    def minute(self) -> int:
        """Return the minute that it is, since 1970."""
        return int(self._clock()) // MINUTE_SECONDS

    def _known(self, login: RefusedLogin) -> RefusedLogin:
        """Return the line in which a login is counted."""
        if login in self._counts:
            return login
        if len(self._counts) >= MAX_WAITING:
            # The Registry is away for long: no more minutes are told apart.
            login = login._replace(minute=max(self._lines))
        lines = self._lines.get(login.minute, 0)
        if lines >= MAX_ADDRESSES:
            login = login._replace(address=OTHERS)
            if login in self._counts:
                return login
        self._lines[login.minute] = lines + 1
        return login


class RefusedLoginReports:
    """Reports the refused logins of a process to the Registry."""

    def __init__(
        self,
        refused: RefusedLogins,
        registry: "AuditServiceAsyncStub",
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        self._refused = refused
        self._registry = registry
        self._metadata = metadata
        # Counts one that was refused now.
        self.note = refused.note

    def run(self, background: Background) -> None:
        """Begin to report; what cannot be told is told later."""
        background.run(
            "refused_logins", self.report, every=REPORT_SECONDS, when=self._refused.waiting
        )

    async def close(self) -> None:
        """Report what is left, once the loop has ended; if it cannot be, the log has it."""
        if self._refused.are_any:
            with suppress(grpc.RpcError):
                await self._report(LAST_SECONDS)

    async def report(self) -> None:
        """Report what was counted since the last time: a step of a loop."""
        await self._report(CALL_SECONDS)

    async def _report(self, seconds: float) -> None:
        taken = self._refused.take()
        request = ReportRefusedLoginsRequest(logins=[message(*each) for each in taken])
        try:
            await self._registry.ReportRefusedLogins(
                request, metadata=self._metadata, timeout=seconds
            )
        except BaseException:
            self._refused.add(taken)
            raise


def reports_to(
    registry: grpc.aio.Channel,
    metadata: tuple[tuple[str, str], ...],
    clock: Callable[[], float] = time.time,
) -> RefusedLoginReports:
    """Return what counts refused logins and reports them to the Registry at a channel."""
    return RefusedLoginReports(RefusedLogins(clock), AuditServiceStub(registry), metadata)


def message(login: RefusedLogin, count: int) -> RefusedLoginsMessage:
    """Return a line as services report it."""
    return RefusedLoginsMessage(
        minute=login.minute, address=login.address, reason=login.reason, count=count
    )
