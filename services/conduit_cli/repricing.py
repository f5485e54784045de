"""Prices charges of a running gateway anew, a page at a time."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from conduit_cli.gateway import Gateway, Json

PAGE_SIZE = 1000


class Totals(NamedTuple):
    """The outcome of all pages, in dollars."""

    charges: int = 0
    adjusted: int = 0
    unpriced: int = 0
    before: Decimal = Decimal()
    after: Decimal = Decimal()

    def with_page(self, page: Json) -> "Totals":
        """Return them with another page."""
        return Totals(
            self.charges + int(page["charges"]),
            self.adjusted + int(page["adjustedCharges"]),
            self.unpriced + int(page["unpricedCharges"]),
            self.before + Decimal(str(page["beforeUsd"])),
            self.after + Decimal(str(page["afterUsd"])),
        )


def reprice(gateway: Gateway, asked: Mapping[str, object]) -> Totals:
    """Have charges priced anew; return what came of it. GatewayError or OSError if it fails.

    Pages that were done stay done: the same once more goes on where it broke off.
    """
    totals, token = Totals(), ""
    while True:
        body = {"pageSize": PAGE_SIZE, **asked} | ({"pageToken": token} if token else {})
        page = gateway.call("POST", "/api/usage/reprice", body)
        totals = totals.with_page(page)
        token = str(page.get("nextPageToken") or "")
        if not token:
            return totals
