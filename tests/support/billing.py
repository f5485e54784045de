"""Charges for tests, small enough to read."""

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from tests.support.credentials import admin_metadata, service_metadata_of

from conduit.internal.v1.ledger_service_pb2 import RecordChargesRequest, RecordChargesResponse
from conduit.v1 import charge_pb2 as charges
from conduit.v1.billing_requests_pb2 import GetProviderAnalyticsRequest
from conduit_kernel.ids import IdSource, first_id_of

if TYPE_CHECKING:
    # The generated code has one class; its types have two.
    from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceAsyncStub
    from conduit.v1.billing_service_pb2_grpc import BillingServiceAsyncStub

    LedgerStub: TypeAlias = LedgerServiceAsyncStub
    PublicStub: TypeAlias = BillingServiceAsyncStub
else:
    from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceStub as LedgerStub
    from conduit.v1.billing_service_pb2_grpc import BillingServiceStub as PublicStub

MASTER_KEY = "test-master-key"
METADATA = admin_metadata(MASTER_KEY)
ENCRYPTION_KEY = bytes(32)
SERVICE_METADATA = service_metadata_of(ENCRYPTION_KEY)
# 2026-11-23T12:00:00Z
NOW = 1_795_435_200
DAY = 86_400
# A dollar for a million tokens, of whichever kind.
DOLLAR = 1_000_000_000
_IDS = IdSource()


class BillingStub(PublicStub):
    """Calls Billing as operators do, and its ledger as routers do."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(channel)
        self.ledger = LedgerStub(channel)


def charge(
    *, tokens: int = 1_000_000, price: int | None = DOLLAR, at: int = NOW, **fields: object
) -> charges.Charge:
    """Return a charge for tokens read; by default they cost a dollar."""
    values: dict[str, Any] = {
        # As a router makes it: what it says of the time is true.
        "id": first_id_of(at * 1000)[:10] + _IDS.next()[10:],
        "request_id": "req_1",
        "provider_id": 1,
        "provider_type": "OpenAI",
        "key_id": "key_1",
        "provider_account_group": "production",
        "virtual_key_id": 4,
        "model_alias": "fast",
        "actual_model_name": "gpt-4o",
        "operation": "chat",
        "usage_source": charges.USAGE_SOURCE_PROVIDER,
        "is_complete": True,
        "duration_ms": 800,
        **fields,
    }
    made = charges.Charge(**values)
    made.occurred_at.seconds = at
    line = charges.ChargeLine(unit=charges.UNIT_INPUT_TOKEN, quantity=tokens)
    if price is not None:
        line.nano_usd_per_million = price
        made.cost_nano_usd = tokens * price // 1_000_000
        made.price_version = "rule:1@2026-11-23T00:00:00Z"
    made.lines.append(line)
    return made


async def record(billing: BillingStub, *made: charges.Charge) -> int:
    """Deliver charges; return how many were new."""
    request = RecordChargesRequest(charges=made)
    answer: RecordChargesResponse = await billing.ledger.RecordCharges(
        request, metadata=SERVICE_METADATA
    )
    return answer.recorded


async def knows_providers(billing: BillingStub) -> None:
    """Wait until Billing has heard of the Registry's instances: then it knows that 999 is none."""
    request = GetProviderAnalyticsRequest(provider_id=999)
    async with asyncio.timeout(10):
        while True:
            try:
                await billing.GetProviderAnalytics(request, metadata=METADATA)
            except grpc.RpcError:
                return
            await asyncio.sleep(0.01)
