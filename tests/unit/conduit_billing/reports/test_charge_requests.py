"""Which charges a request asks for."""

import pytest

from conduit.v1.billing_requests_pb2 import ListChargesRequest
from conduit_billing.ledger.charge_filter import ALL_CHARGES, ChargeFilter
from conduit_billing.reports.charge_requests import charge_filter
from conduit_billing.timestamps import DAY_MICROS
from conduit_kernel.errors import InvalidRequest


def test_days_are_whole_and_both_included() -> None:
    """To before the midnight that ends the last one."""
    asked = ListChargesRequest(start_date="1970-01-02", end_date="1970-01-03")
    assert charge_filter(asked) == ChargeFilter(since=DAY_MICROS, until=3 * DAY_MICROS)
    assert charge_filter(ListChargesRequest()) == ALL_CHARGES
    # Nothing is as old as that, and nothing wrong with asking.
    for last in ("0260-03-29", "1969-12-31"):
        assert charge_filter(ListChargesRequest(end_date=last)) == ChargeFilter(until=1)


@pytest.mark.parametrize(
    "asked",
    [
        {"start_date": "yesterday"},
        {"start_date": "2026-11-02", "end_date": "2026-11-01"},
        {"key_id": "k" * 41},
        {"model_alias": "a\0"},
        {"provider_account_group": "g" * 201},
    ],
)
def test_nonsense_is_refused(asked: dict[str, str]) -> None:
    """With the field that is wrong."""
    with pytest.raises(InvalidRequest):
        charge_filter(ListChargesRequest(**asked))  # type: ignore[arg-type] # texts, all of them
