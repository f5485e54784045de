"""The RPC of the BillingService that prices charges anew."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import date

from conduit.v1 import repricing_requests_pb2 as pb
from conduit.v1.billing_service_pb2_grpc import BillingServiceServicer
from conduit_billing.ledger.adjustment_store import AdjustmentStore
from conduit_billing.ledger.adjustments import Repriced
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import PostedCharge, is_charge_id, price_charge
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.pricing.rules import matches
from conduit_billing.timestamps import DAY_MICROS, MICRO, day_number
from conduit_billing.validation import day, plain_text_of, refuse
from conduit_kernel.audit.author import author_of
from conduit_kernel.pagination import text_page_of, wrong_token
from conduit_kernel.rpc.auth_interceptor import Context


class RepricingService(BillingServiceServicer):
    """Answers the RPC about charges of a period that cost something else by now."""

    _adjustments: AdjustmentStore
    _ledger: LedgerStore
    _prices: PriceList
    _note_costs: Callable[[Iterable[tuple[int, int]]], None]
    _clock: Callable[[], float]

    async def RepriceCharges(
        self, request: pb.RepriceChargesRequest, context: Context
    ) -> pb.RepriceChargesResponse:
        """Price a page of charges anew."""
        of, pattern = _filter(request), plain_text_of(request, "model_pattern") or "*"
        page = text_page_of(request, "reprice", *map(str, of), pattern)
        if page.after and not is_charge_id(page.after):
            raise wrong_token()
        listed = await self._ledger.charges(limit=page.size + 1, before=page.after, of=of)
        charges, token = page.cut(listed, lambda charge: charge.id)
        asked_for = [
            each for each in charges if matches(pattern, each.attribution.actual_model_name)
        ]
        # The first question loads the catalog, which must not hold up everybody else.
        await asyncio.to_thread(lambda: [self._price(each) for each in asked_for[:1]])
        if request.dry_run:
            found = await self._adjustments.found(asked_for, self._price)
        else:
            said = {
                "startDate": request.start_date,
                "endDate": request.end_date,
                "modelPattern": pattern,
                "reason": plain_text_of(request, "reason"),
            }
            now, author = int(self._clock() * MICRO), author_of(context)
            found = await self._adjustments.adjust(asked_for, self._price, now, author, said)
            self._note_costs(
                (each.charge.virtual_key_id, each.difference) for each in found.adjustments
            )
        return _answer(len(asked_for), found, token)

    def _price(self, charge: PostedCharge) -> PostedCharge:
        return price_charge(charge, self._prices.price)


def _filter(request: pb.RepriceChargesRequest) -> ChargeFilter:
    for name, text in (("startDate", request.start_date), ("endDate", request.end_date)):
        if not text:
            refuse(name, "is required")
    first, last = (
        day_number(day(name, text, date.min))
        for name, text in (("startDate", request.start_date), ("endDate", request.end_date))
    )
    if first > last:
        refuse("startDate", "must not be after endDate")
    return ChargeFilter(
        provider_id=request.provider_id,
        # Zero is any time.
        since=max(first * DAY_MICROS, 1),
        until=max((last + 1) * DAY_MICROS, 1),
    )


def _answer(charges: int, found: Repriced, token: str) -> pb.RepriceChargesResponse:
    return pb.RepriceChargesResponse(
        charges=charges,
        adjusted_charges=len(found.adjustments),
        unpriced_charges=found.unpriced,
        before_nano_usd=sum(each.before or 0 for each in found.adjustments),
        after_nano_usd=sum(each.after for each in found.adjustments),
        next_page_token=token,
    )
