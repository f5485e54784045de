"""What a router says to Billing of leases."""

import weakref
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.garbage import no_collector
from tests.support.scripted_service import serve_rpcs
from tests.support.waiting import eventually

from conduit.internal.v1 import ledger_service_pb2 as pb
from conduit.internal.v1.lease_pb2 import Lease
from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceStub
from conduit_kernel.errors import (
    BudgetExceeded,
    ConduitError,
    InvalidRequest,
    ServiceUnavailable,
    VirtualKeyInvalid,
)
from conduit_kernel.rpc import connect
from conduit_kernel.rpc.status import status_of
from conduit_router.control_plane.leases import LeaseClient
from conduit_router.spending.leases import Grant

SERVICE = pb.DESCRIPTOR.services_by_name["LedgerService"]


class Billing:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.refuses = False

    async def acquire(
        self,
        request: pb.AcquireLeaseRequest,
        context: Any,  # noqa: ANN401 # of the library
    ) -> pb.AcquireLeaseResponse:
        """Grant a lease."""
        self.asked.append(request)
        if self.refuses:
            error = BudgetExceeded("no room", subject="virtual_key:4")
            await context.abort_with_status(status_of(error))
        lease = Lease(id=request.lease_id, amount_nano_usd=70)
        lease.usable_for.FromMilliseconds(1_500)
        lease.lasts_for.FromSeconds(120)
        return pb.AcquireLeaseResponse(lease=lease)

    async def renew(self, request: pb.RenewLeasesRequest, _: object) -> pb.RenewLeasesResponse:
        """Know the first one no more."""
        self.asked.append(request)
        return pb.RenewLeasesResponse(ended_lease_ids=request.lease_ids[:1])

    async def release(self, request: pb.ReleaseLeaseRequest, _: object) -> pb.ReleaseLeaseResponse:
        """Take it back."""
        self.asked.append(request)
        return pb.ReleaseLeaseResponse()


async def test_leases_are_asked_for_renewed_and_given_back() -> None:
    """With all that Billing must know."""
    billing = Billing()
    async with serve_rpcs(
        SERVICE,
        AcquireLease=billing.acquire,
        RenewLeases=billing.renew,
        ReleaseLease=billing.release,
    ) as channel:
        client = LeaseClient(LedgerServiceStub(channel), ())
        assert await client.acquire("l", 4, 10, 20, 30) == Grant(70, 1.5, 120.0)
        assert await client.renew(["a", "b"]) == ["a"]
        await client.release("l", 7, 63)
        billing.refuses = True
        with pytest.raises(BudgetExceeded) as caught:
            await client.acquire("m", 4, 10, 20, 30)
    assert caught.value.metadata == {"subject": "virtual_key:4"}
    assert billing.asked[:3] == [
        pb.AcquireLeaseRequest(
            lease_id="l", virtual_key_id=4, least_nano_usd=10, amount_nano_usd=20, spare_nano_usd=30
        ),
        pb.RenewLeasesRequest(lease_ids=["a", "b"]),
        pb.ReleaseLeaseRequest(lease_id="l", spent_nano_usd=7),
    ]


async def test_a_refusal_of_billings_is_in_no_circle() -> None:
    """It refers to the frames that it was raised through, and they must not refer to it."""
    billing = Billing()
    billing.refuses = True
    async with serve_rpcs(SERVICE, AcquireLease=billing.acquire) as channel:
        client = LeaseClient(LedgerServiceStub(channel), ())
        with no_collector():
            try:
                await client.acquire("m", 4, 10, 20, 30)
            except BudgetExceeded as error:
                found = weakref.ref(error)

            async def is_gone() -> bool:
                return found() is None

            await eventually(is_gone)


class Amiss(Billing):
    """Answers as it should not."""

    def __init__(self, lease: Lease, error: ConduitError | None = None) -> None:
        super().__init__()
        self._lease = lease
        self._error = error

    async def acquire(
        self,
        request: pb.AcquireLeaseRequest,
        context: Any,  # noqa: ANN401 # of the library
    ) -> pb.AcquireLeaseResponse:
        """Grant what is of no use, or fail."""
        if self._error is not None:
            await context.abort_with_status(status_of(self._error))
        return pb.AcquireLeaseResponse(lease=self._lease)

    async def renew(self, request: pb.RenewLeasesRequest, _: object) -> pb.RenewLeasesResponse:
        """Tell of leases that nobody asked for."""
        return pb.RenewLeasesResponse(ended_lease_ids=["x", "b", "b", ""])


@pytest.mark.parametrize(
    ("lease", "error"),
    [
        (Lease(), None),
        (Lease(amount_nano_usd=9), None),
        (Lease(amount_nano_usd=-70), None),
        (Lease(amount_nano_usd=70, usable_for=Duration(seconds=-5)), None),
        (Lease(), InvalidRequest("leaseId makes no sense", field="leaseId")),
        (Lease(), VirtualKeyInvalid("a token is required")),
        (Lease(), ConduitError("it did not foresee this")),
    ],
)
async def test_whatever_is_wrong_with_billing_is_none_of_the_callers(
    lease: Lease, error: ConduitError | None
) -> None:
    """Neither its credentials nor its request: to them Billing cannot be asked."""
    billing = Amiss(lease, error)
    async with serve_rpcs(SERVICE, AcquireLease=billing.acquire) as channel:
        with pytest.raises(ServiceUnavailable):
            await LeaseClient(LedgerServiceStub(channel), ()).acquire("l", 4, 10, 20, 30)


async def test_leases_that_nobody_asked_for_have_not_ended() -> None:
    """Whatever Billing says of them."""
    async with serve_rpcs(SERVICE, RenewLeases=Amiss(Lease()).renew) as channel:
        client = LeaseClient(LedgerServiceStub(channel), ())
        assert await client.renew(["a", "b"]) == ["b"]


async def test_a_billing_that_is_away_is_told_apart() -> None:
    """From one that refuses."""
    channel = connect("127.0.0.1:1")
    try:
        with pytest.raises(ServiceUnavailable):
            await LeaseClient(LedgerServiceStub(channel), ()).acquire("l", 4, 10, 20, 30)
    finally:
        await channel.close()
