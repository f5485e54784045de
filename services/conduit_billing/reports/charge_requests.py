"""Reads which charges a request asks for."""

from datetime import date

from conduit.v1.billing_requests_pb2 import ListChargesRequest
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.timestamps import DAY_MICROS, day_number
from conduit_billing.validation import day, plain_text_of, refuse

# Where days are not said; none is before the first of them.
_FIRST, _LAST = date(1970, 1, 1), date(2100, 1, 1)


def charge_filter(request: ListChargesRequest) -> ChargeFilter:
    """Return which charges are asked for. InvalidRequest if that makes no sense."""
    first = day("startDate", request.start_date, _FIRST)
    last = day("endDate", request.end_date, _LAST)
    if request.start_date and first > last:
        refuse("startDate", "must not be after endDate")
    return ChargeFilter(
        plain_text_of(request, "request_id"),
        request.virtual_key_id,
        request.provider_id,
        plain_text_of(request, "key_id"),
        plain_text_of(request, "provider_account_group"),
        plain_text_of(request, "model_alias"),
        day_number(first) * DAY_MICROS if request.start_date else 0,
        # Zero is any time.
        max((day_number(last) + 1) * DAY_MICROS, 1) if request.end_date else 0,
        request.unpriced,
        request.cost_differs,
    )
