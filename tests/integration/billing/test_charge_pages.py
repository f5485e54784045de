"""Pages of charges are what was asked for, on both databases."""

import random

import pytest
from tests.integration.billing.conftest import Bench
from tests.support.billing import DAY, DOLLAR, NOW, charge

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import PostedCharge, read_charge
from conduit_billing.ledger.store import LedgerStore
from conduit_kernel.database import open_database
from conduit_kernel.ids import IdSource

MICROS = 1_000_000
FILTERS = [
    ChargeFilter(),
    ChargeFilter(request_id="req_3"),
    ChargeFilter(virtual_key_id=2),
    ChargeFilter(provider_id=1),
    ChargeFilter(key_id="key_2"),
    ChargeFilter(account_group="b"),
    ChargeFilter(model_alias="rare"),
    ChargeFilter(model_alias="none"),
    ChargeFilter(is_unpriced=True),
    ChargeFilter(cost_differs=True),
    ChargeFilter(cost_differs=True, account_group="a"),
    ChargeFilter(provider_id=2, model_alias="often"),
    ChargeFilter(provider_id=1, virtual_key_id=1),
    ChargeFilter(account_group="a", is_unpriced=True),
    ChargeFilter(model_alias="often", since=(NOW + DAY) * MICROS, until=(NOW + 3 * DAY) * MICROS),
    ChargeFilter(since=(NOW + 2 * DAY) * MICROS),
]


def made() -> list[PostedCharge]:
    """Return charges of five days, in order of time."""
    chance, now = random.Random(3), [float(NOW)]  # noqa: S311 # the same in every run
    ids = IdSource(lambda: now[0])
    found = []
    for number in range(300):
        now[0] += 5 * DAY / 300
        told = charge(
            id=ids.next(),
            at=int(now[0]),
            price=None if number % 11 == 0 else 5,
            request_id=f"req_{number % 7}",
            virtual_key_id=chance.randrange(4),
            provider_id=chance.randrange(1, 4),
            key_id=f"key_{chance.randrange(4)}",
            provider_account_group=chance.choice("ab"),
            model_alias="rare" if number in {5, 150} else "often",
        )
        if number % 17 == 0:
            told.provider_cost_nano_usd = DOLLAR
        found.append(read_charge(told, "charge"))
    return found


def matches(of: ChargeFilter, each: PostedCharge) -> bool:
    """Return whether a charge is asked for, said in another way than queries say it."""
    wanted = of._asdict()
    names = ("since", "until", "is_unpriced", "cost_differs")
    since, until, unpriced, differs = (wanted.pop(name) for name in names)
    told = each._asdict() | each.attribution._asdict()
    return (
        all(told[name] == value for name, value in wanted.items() if value)
        and since <= each.occurred_at < (until or 2**62)
        and (each.cost is None or not unpriced)
        and (not differs or each.provider_cost is not None)
    )


@pytest.mark.parametrize("size", [1, 7, 400])
async def test_pages_of_every_filter_have_what_it_asks_for(bench: Bench, size: int) -> None:
    """Each charge once, newest first, whatever the size of a page."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    store, charges = LedgerStore(engine), made()
    await store.record(charges, [], 1)
    for of in FILTERS:
        expected = [each for each in reversed(charges) if matches(of, each)][: 20 * size]
        found: list[PostedCharge] = []
        while len(found) < len(expected):
            before = found[-1].id if found else ""
            page = await store.charges(limit=size, before=before, of=of)
            assert page, of
            found += page
        assert found[: len(expected)] == expected, of
        if size > len(charges):
            assert len(found) == len(expected), of
    await engine.dispose()
