"""A Billing that tells prices, lends what routers ask for, and takes no charges.

These stay where a test reads them, and what comes back of a lease is held against them.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count

import grpc
from google.protobuf.duration_pb2 import Duration

from conduit.internal.v1 import ledger_service_pb2 as ledger_pb
from conduit.internal.v1 import quota_service_pb2 as quota_pb
from conduit.internal.v1.lease_pb2 import Lease
from conduit.internal.v1.ledger_service_pb2_grpc import (
    LedgerServiceServicer,
    add_LedgerServiceServicer_to_server,
)
from conduit.internal.v1.price_pb2 import Price, PricedModel, UnitPrice
from conduit.internal.v1.quota_service_pb2_grpc import (
    QuotaServiceServicer,
    add_QuotaServiceServicer_to_server,
)
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN, Charge
from conduit_kernel.rpc.auth_interceptor import Context

# Of each model, for a token read and one written.
READ_NANO_USD, WRITTEN_NANO_USD = 1_000, 2_000
# Longer than any test takes.
LASTING = Duration(seconds=3600)


class LendingBilling(LedgerServiceServicer, QuotaServiceServicer):
    """Keeps what was lent and what came back, by the ids of leases and quotas."""

    def __init__(self) -> None:
        self.target = ""
        # Set once a router prices its calls.
        self.is_priced = asyncio.Event()
        self._asked_for = 0
        self._revisions = count(1)
        # What was lent of budgets; and of which limits something was dealt out.
        self.leases: dict[str, int] = {}
        self.quotas: dict[str, quota_pb.QuotaMetric.ValueType] = {}
        # What was spent of each lease as it came back, once for each time.
        self.returned: defaultdict[str, list[int]] = defaultdict(list)

    async def WatchPrices(  # noqa: N802 # as the RPC is called
        self, request: ledger_pb.WatchPricesRequest, context: Context
    ) -> AsyncIterator[ledger_pb.WatchPricesResponse]:
        """Tell the prices of all models that are asked for, which never change."""
        self._asked_for = len(request.models)
        prices = map(_priced, request.models)
        yield ledger_pb.WatchPricesResponse(prices=prices, revision=next(self._revisions))
        await asyncio.Event().wait()

    async def ConfirmPrices(  # noqa: N802 # as above
        self, request: ledger_pb.ConfirmPricesRequest, context: Context
    ) -> ledger_pb.ConfirmPricesResponse:
        """Note that the prices are in use."""
        if self._asked_for:
            self.is_priced.set()
        return ledger_pb.ConfirmPricesResponse()

    async def RecordCharges(  # noqa: N802 # as above
        self, request: ledger_pb.RecordChargesRequest, context: Context
    ) -> ledger_pb.RecordChargesResponse:
        """Take none, as if Billing's disk were full."""
        await context.abort(grpc.StatusCode.UNAVAILABLE, "as the test has it")

    async def AcquireLease(  # noqa: N802 # as above
        self, request: ledger_pb.AcquireLeaseRequest, context: Context
    ) -> ledger_pb.AcquireLeaseResponse:
        """Lend all that is asked for."""
        lent = self.leases[request.lease_id] = request.amount_nano_usd + request.spare_nano_usd
        lease = Lease(
            id=request.lease_id, amount_nano_usd=lent, usable_for=LASTING, lasts_for=LASTING
        )
        return ledger_pb.AcquireLeaseResponse(lease=lease)

    async def RenewLeases(  # noqa: N802 # as above
        self, request: ledger_pb.RenewLeasesRequest, context: Context
    ) -> ledger_pb.RenewLeasesResponse:
        """Leave all of them as they are."""
        return ledger_pb.RenewLeasesResponse()

    async def ReleaseLease(  # noqa: N802 # as above
        self, request: ledger_pb.ReleaseLeaseRequest, context: Context
    ) -> ledger_pb.ReleaseLeaseResponse:
        """Take a lease back."""
        self.returned[request.lease_id].append(request.spent_nano_usd)
        return ledger_pb.ReleaseLeaseResponse()

    async def AcquireQuota(  # noqa: N802 # as above
        self, request: quota_pb.AcquireQuotaRequest, context: Context
    ) -> quota_pb.AcquireQuotaResponse:
        """Deal out all that is asked for."""
        self.quotas[request.quota_id] = request.metric
        dealt = request.amount + request.spare
        return quota_pb.AcquireQuotaResponse(amount=dealt, usable_for=LASTING, lasts_for=LASTING)

    async def RenewQuotas(  # noqa: N802 # as above
        self, request: quota_pb.RenewQuotasRequest, context: Context
    ) -> quota_pb.RenewQuotasResponse:
        """Leave all of them as they are."""
        return quota_pb.RenewQuotasResponse()

    async def ReleaseQuota(  # noqa: N802 # as above
        self, request: quota_pb.ReleaseQuotaRequest, context: Context
    ) -> quota_pb.ReleaseQuotaResponse:
        """Take a part of a limit back."""
        self.returned[request.quota_id].append(request.used)
        return quota_pb.ReleaseQuotaResponse()

    def check_returned(self, charges: Iterable[Charge]) -> None:
        """Hold all that was lent to having come back, and what was used of it to the charges.

        A lease of which a call has kept a part does not come back, nor does a place that is taken;
        and of one of which a part was given back twice another amount is spent. Where a caller left
        while Billing was asked, what came of it may be given back in the same words twice, which
        the real one takes for once.
        """
        spent, tokens = Counter[str](), 0
        for charge in charges:
            if charge.lease_id:
                spent[charge.lease_id] += charge.cost_nano_usd
                tokens += sum(line.quantity for line in charge.lines)
        assert {name: {*self.returned[name]} for name in self.leases} == {
            name: {spent.pop(name, 0)} for name in self.leases
        }
        assert not spent
        used = {
            metric: [{*self.returned[name]} for name in names] for metric, names in self._dealt()
        }
        places = used.get(quota_pb.QUOTA_METRIC_CONCURRENT_REQUESTS, [])
        assert [each for each in places if each != {0}] == []
        assert sum(map(sum, used.get(quota_pb.QUOTA_METRIC_TOKENS, []))) == tokens

    def _dealt(self) -> Iterable[tuple[int, list[str]]]:
        for metric in set(self.quotas.values()):
            yield metric, [name for name, each in self.quotas.items() if each == metric]


def _priced(model: PricedModel) -> Price:
    units = [
        UnitPrice(unit=unit, nano_usd_per_million=price * 1_000_000)
        for unit, price in (
            (UNIT_INPUT_TOKEN, READ_NANO_USD),
            (UNIT_OUTPUT_TOKEN, WRITTEN_NANO_USD),
        )
    ]
    return Price(
        provider_id=model.provider_id,
        actual_model_name=model.actual_model_name,
        unit_prices=units,
        version="test",
    )


@asynccontextmanager
async def lending_billing() -> AsyncIterator[LendingBilling]:
    """Run one for as long as this lasts."""
    billing, server = LendingBilling(), grpc.aio.server()
    add_LedgerServiceServicer_to_server(billing, server)
    add_QuotaServiceServicer_to_server(billing, server)
    port = server.add_insecure_port("127.0.0.1:0")
    billing.target = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield billing
    finally:
        await server.stop(None)
