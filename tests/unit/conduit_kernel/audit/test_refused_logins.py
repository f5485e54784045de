"""Refused logins on their way to the audit log."""

import dataclasses

import pytest

from conduit.internal.v1.audit_service_pb2 import ReportRefusedLoginsRequest
from conduit_kernel.audit.refused_logins import (
    MAX_ADDRESSES,
    MAX_WAITING,
    OTHERS,
    RefusedLogin,
    RefusedLoginReports,
    RefusedLogins,
)

WRONG = "MASTER_KEY_INVALID"


@dataclasses.dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = 600.0

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock at the beginning of a minute."""
    return Clock()


@pytest.fixture
def refused(clock: Clock) -> RefusedLogins:
    """Return a count of nothing."""
    return RefusedLogins(clock)


def test_logins_of_one_address_and_minute_are_one_line(
    refused: RefusedLogins, clock: Clock
) -> None:
    """Each reason has its own."""
    for _ in range(1000):
        refused.note("192.0.2.1", WRONG)
    refused.note("192.0.2.1", "LOGIN_THROTTLED")
    clock.now += 60
    refused.note("192.0.2.1", WRONG)
    assert refused.take() == [
        (RefusedLogin(10, "192.0.2.1", "LOGIN_THROTTLED"), 1),
        (RefusedLogin(10, "192.0.2.1", WRONG), 1000),
        (RefusedLogin(11, "192.0.2.1", WRONG), 1),
    ]
    assert refused.take() == []


def test_a_minute_that_is_not_over_is_left(refused: RefusedLogins, clock: Clock) -> None:
    """It is counted on."""
    refused.note("192.0.2.1", WRONG)
    clock.now += 60
    refused.note("192.0.2.1", WRONG)
    assert refused.take(before=11) == [(RefusedLogin(10, "192.0.2.1", WRONG), 1)]
    refused.note("192.0.2.1", WRONG)
    assert refused.take() == [(RefusedLogin(11, "192.0.2.1", WRONG), 2)]


def test_a_thousand_addresses_have_few_lines(refused: RefusedLogins) -> None:
    """Those that came first, and one for all others: no login is left out."""
    for number in range(1000):
        refused.note(f"192.0.2.{number}", WRONG)
    taken = dict(refused.take())
    assert len(taken) == MAX_ADDRESSES + 1
    assert taken[RefusedLogin(10, OTHERS, WRONG)] == 1000 - MAX_ADDRESSES


def test_what_waits_for_a_registry_that_is_away_is_bounded(
    refused: RefusedLogins, clock: Clock
) -> None:
    """A day of an attack by many: later minutes are not told apart, but counted."""
    for _ in range(24 * 60):
        for number in range(MAX_ADDRESSES):
            refused.note(f"192.0.2.{number}", WRONG)
        clock.now += 60
    taken = refused.take()
    assert len(taken) <= MAX_WAITING + 1
    assert sum(count for _, count in taken) == 24 * 60 * MAX_ADDRESSES


async def test_what_could_not_be_reported_is_reported_later(refused: RefusedLogins) -> None:
    """Together with what came meanwhile."""

    class Registry:
        """Is away the first time."""

        requests: list[ReportRefusedLoginsRequest] = []  # noqa: RUF012 # of one test

        async def ReportRefusedLogins(  # noqa: N802 # as the contract has it
            self, request: ReportRefusedLoginsRequest, **_options: object
        ) -> None:
            """Take a report."""
            self.requests.append(request)
            if len(self.requests) == 1:
                raise TimeoutError

    registry = Registry()
    reports = RefusedLoginReports(refused, registry, ())  # type: ignore[arg-type] # of which only this is called
    refused.note("192.0.2.1", WRONG)
    with pytest.raises(TimeoutError):
        await reports.report()
    refused.note("192.0.2.1", WRONG)
    await reports.report()
    [login] = registry.requests[1].logins
    assert (login.minute, login.address, login.reason, login.count) == (10, "192.0.2.1", WRONG, 2)
