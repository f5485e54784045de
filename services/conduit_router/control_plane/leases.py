"""Asks Billing for leases of virtual keys' budgets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import structlog

from conduit.internal.v1.ledger_service_pb2 import (
    AcquireLeaseRequest,
    ReleaseLeaseRequest,
    RenewLeasesRequest,
)
from conduit_kernel.errors import BudgetExceeded, ConduitError, RateLimited, ServiceUnavailable
from conduit_kernel.rpc import error_of
from conduit_router.spending.leases import Grant

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceAsyncStub

# A call waits for it.
ACQUIRE_SECONDS = 5.0
KEEP_SECONDS = 5.0


class LeaseClient:
    """Acquires, renews and gives back leases."""

    def __init__(
        self, stub: "LedgerServiceAsyncStub", metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self._stub = stub
        self._metadata = metadata

    async def acquire(  # as the RPC has it
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Return a lease. The ConduitError of Billing, or of its absence, if there is none."""
        request = AcquireLeaseRequest(
            lease_id=name,
            virtual_key_id=virtual_key_id,
            least_nano_usd=least,
            amount_nano_usd=amount,
            spare_nano_usd=spare,
        )
        with told_by_billing():
            answer = await self._stub.AcquireLease(
                request, metadata=self._metadata, timeout=ACQUIRE_SECONDS
            )
        lease = answer.lease
        usable_for, lasts_for = lease.usable_for, lease.lasts_for
        grant = Grant(
            lease.amount_nano_usd,
            usable_for.ToMicroseconds() / 1e6,
            lasts_for.ToMicroseconds() / 1e6,
        )
        return checked(grant, least)

    async def renew(self, names: list[str]) -> list[str]:
        """Put off the deadline of leases; return those that are no more. Raises likewise."""
        request = RenewLeasesRequest(lease_ids=names)
        with told_by_billing():
            answer = await self._stub.RenewLeases(
                request, metadata=self._metadata, timeout=KEEP_SECONDS
            )
        return [each for each in names if each in frozenset(answer.ended_lease_ids)]

    async def release(self, name: str, spent: int, left: int) -> None:
        """Give back a lease that charges of so much name. Raises likewise."""
        request = ReleaseLeaseRequest(lease_id=name, spent_nano_usd=spent)
        with told_by_billing():
            await self._stub.ReleaseLease(request, metadata=self._metadata, timeout=KEEP_SECONDS)


@contextmanager
def told_by_billing() -> Iterator[None]:
    """Raise what Billing says to callers, or that it cannot be asked, as errors of ours."""
    try:
        yield
    except grpc.RpcError as error:
        # Not kept here: what is raised refers to this frame, and so to all of the call.
        raise _as_callers_hear(error_of(error, "billing")) from error


def _as_callers_hear(told: ConduitError) -> ConduitError:
    """Return what Billing says of a caller's budget or limit, or that it cannot be asked."""
    if isinstance(told, BudgetExceeded | RateLimited | ServiceUnavailable):
        return told
    # Whatever else is wrong between it and us is none of the caller's.
    return _unusable(told.reason)


def checked(grant: Grant, least: int) -> Grant:
    """Return a grant. ServiceUnavailable if it is none that a call can go by."""
    if grant.amount < least or grant.usable_for < 0:
        raise _unusable(f"{grant.amount} of at least {least}")
    return grant


def _unusable(what: str) -> ServiceUnavailable:
    structlog.get_logger("billing").error("billing_answers_amiss", reason=what)
    return ServiceUnavailable("Billing does not answer as it should", service="billing")
