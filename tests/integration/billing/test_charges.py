"""Charges are counted once, and the books balance."""

import asyncio
import random

import grpc
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.billing.conftest import Bench
from tests.support.billing import DOLLAR, METADATA, BillingStub, charge, record

from conduit.v1 import billing_requests_pb2 as pb
from conduit.v1.charge_pb2 import UNIT_CACHED_INPUT_TOKEN, UNIT_OUTPUT_TOKEN, Charge, ChargeLine
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.ledger.charges import read_charge
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.tables import AccountRow, ChargeRow, DayRow, EntryRow
from conduit_kernel.database import database_url as url_of
from conduit_kernel.database import make_engine, open_database
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import error_of


async def listed(billing: BillingStub, **filters: object) -> list[Charge]:
    """Return the charges that Billing has, newest first."""
    request = pb.ListChargesRequest(page_size=1000, **filters)  # type: ignore[arg-type] # checked by protobuf
    return list((await billing.ListCharges(request, metadata=METADATA)).charges)


async def test_a_charge_delivered_often_counts_once(billing: BillingStub) -> None:
    """The same charge in one delivery twice, and in two deliveries, is one charge."""
    first, second = charge(), charge()
    assert await record(billing, first, first) == 1
    assert await record(billing, first, second) == 1
    assert await record(billing, first, second) == 0
    assert await listed(billing) == [second, first]


async def test_a_charge_reads_as_it_was_delivered(billing: BillingStub) -> None:
    """Every field of a charge comes back, and the filters find it."""
    made = charge(request_id="req_9", virtual_key_id=7, provider_id=2, is_complete=False)
    made.lines.append(ChargeLine(unit=UNIT_OUTPUT_TOKEN, quantity=5, nano_usd_per_million=DOLLAR))
    made.cost_nano_usd += 5000
    made.occurred_at.nanos = 123_456_000
    await record(billing, made, charge())
    assert await listed(billing, request_id="req_9") == [made]
    assert await listed(billing, virtual_key_id=7) == [made]
    assert await listed(billing, provider_id=2) == [made]
    assert await listed(billing, provider_id=3) == []


async def test_pages_hold_every_charge_once(billing: BillingStub) -> None:
    """Following the tokens gives all of a filter, newest first; no token is for another filter."""
    made = [charge(virtual_key_id=7) for _ in range(5)]
    await record(billing, *made, charge(virtual_key_id=8))
    request = pb.ListChargesRequest(page_size=2, virtual_key_id=7)
    found: list[Charge] = []
    while True:
        page = await billing.ListCharges(request, metadata=METADATA)
        found += page.charges
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == made[::-1]
    request.virtual_key_id = 8
    with pytest.raises(grpc.RpcError) as caught:
        await billing.ListCharges(request, metadata=METADATA)
    assert isinstance(error_of(caught.value, "billing"), InvalidRequest)


async def test_two_routers_may_deliver_the_same_charges_at_once(bench: Bench) -> None:
    """Two processes that store the same thousand charges at the same time count them once."""
    made = [charge(virtual_key_id=number % 7, provider_id=1 + number % 3) for number in range(500)]
    async with bench.billing() as one, bench.billing() as two:
        counts = await asyncio.gather(
            record(one, *made),
            record(two, *reversed(made)),
            record(one, *made[250:], *made[:250]),
            record(two, *made),
        )
        assert sum(counts) == 500
        costs = await one.GetCosts(pb.GetCostsRequest(), metadata=METADATA)
    assert sum(group.requests for group in costs.cost_breakdown) == 500
    assert sum(group.total_cost_nano_usd for group in costs.cost_breakdown) == 500 * DOLLAR


async def test_a_delivery_is_stored_whole_or_not_at_all(billing: BillingStub) -> None:
    """One charge that makes no sense keeps its whole delivery out, and is named."""
    with pytest.raises(grpc.RpcError) as caught:
        await record(billing, charge(), charge(provider_id=0))
    error = error_of(caught.value, "billing")
    assert isinstance(error, InvalidRequest)
    assert error.metadata["field"] == "charges[1].providerId"
    assert await listed(billing) == []


async def test_words_of_callers_never_keep_a_charge_out(billing: BillingStub) -> None:
    """A request id that no database takes is cut, and the charge counts."""
    assert await record(billing, charge(request_id="a\0b" * 1000)) == 1
    assert (await listed(billing))[0].request_id == ("ab" * 100)


async def test_a_charge_without_a_price_gets_it_here(billing: BillingStub) -> None:
    """A charge that came unpriced is priced by the rule there is by then, exactly."""
    spec = ModelCostSpec(
        model_pattern="gpt-*",
        input_cost_per_1k_tokens_nano_usd=2_500_000,
        output_cost_per_1k_tokens_nano_usd=10_000_000,
        cached_input_cost_per_1k_tokens_nano_usd=1_250_000,
    )
    await billing.CreateModelCost(pb.CreateModelCostRequest(model_cost=spec), metadata=METADATA)
    made = charge(price=None, tokens=333)
    made.lines.append(ChargeLine(unit=UNIT_CACHED_INPUT_TOKEN, quantity=7))
    await record(billing, made)
    (stored,) = await listed(billing)
    assert stored.cost_nano_usd == 333 * 2_500 + 7 * 1_250
    assert stored.price_version.startswith("rule:1@2026-11-23T12:00:00")
    assert [line.nano_usd_per_million for line in stored.lines] == [2_500_000_000, 1_250_000_000]


async def test_a_long_request_that_came_unpriced_costs_its_tiers_price(
    billing: BillingStub,
) -> None:
    """The tier is chosen by all tokens read; Claude Sonnet 4.5 doubles above 200,000."""
    for tokens, nano_usd in ((200_000, 3000), (200_001, 6000)):
        made = charge(
            price=None,
            tokens=1,
            provider_type="Anthropic",
            actual_model_name="claude-sonnet-4-5",
        )
        made.lines.append(ChargeLine(unit=UNIT_CACHED_INPUT_TOKEN, quantity=tokens - 1))
        await record(billing, made)
        stored = (await listed(billing))[0]
        assert stored.cost_nano_usd == nano_usd + (tokens - 1) * nano_usd // 10


async def test_a_charge_of_a_service_tier_has_its_price(billing: BillingStub) -> None:
    """The qualifiers come back, and a tier that nobody priced is unknown."""
    for tier, cost in (("flex", 625_000), ("priority", 2_500_000), ("scale", None)):
        made = charge(price=None, tokens=1000, actual_model_name="gpt-5")
        made.qualifiers["service_tier"] = tier
        await record(billing, made)
        stored = (await listed(billing))[0]
        assert dict(stored.qualifiers) == {"service_tier": tier}
        assert (stored.cost_nano_usd if stored.HasField("cost_nano_usd") else None) == cost


async def test_the_catalog_prices_what_no_rule_does(billing: BillingStub) -> None:
    """A known model without a rule has the catalog's price."""
    await record(billing, charge(price=None, tokens=1000, actual_model_name="gpt-4o"))
    (stored,) = await listed(billing)
    assert stored.cost_nano_usd == 2_500_000
    assert stored.price_version.startswith("catalog:")


async def test_an_unknown_price_is_unknown_and_not_zero(billing: BillingStub) -> None:
    """A charge that nobody can price is counted as such, and costs nothing in no sum."""
    await record(billing, charge(price=None, actual_model_name="my-own-model"))
    (stored,) = await listed(billing)
    assert not stored.HasField("cost_nano_usd")
    assert not stored.lines[0].HasField("nano_usd_per_million")
    costs = await billing.GetCosts(pb.GetCostsRequest(), metadata=METADATA)
    assert costs.cost_breakdown[0].unpriced_requests == 1


async def test_a_cost_that_is_not_the_sum_of_its_lines_is_refused(billing: BillingStub) -> None:
    """Lines and cost must agree, to the last nano-dollar but one for each line's rounding."""
    made = charge()
    made.cost_nano_usd += 2
    with pytest.raises(grpc.RpcError) as caught:
        await record(billing, made)
    assert error_of(caught.value, "billing").metadata["field"] == "charges[0].cost"


async def test_the_books_balance_after_random_loads(bench: Bench) -> None:
    """All entries add up to zero, and each account, each day and all charges tell the same sum."""
    chance = random.Random(7)  # noqa: S311 # the same loads in every run
    made = [
        charge(
            tokens=chance.randrange(10**7),
            price=chance.choice([None, 0, 1, DOLLAR, 15 * DOLLAR + 1]),
            provider_id=chance.randrange(1, 5),
            virtual_key_id=chance.randrange(4),
            provider_account_group=chance.choice(["", "a", "b"]),
            at=1_795_435_200 + chance.randrange(-400_000, 400_000),
            actual_model_name="my-own-model",
        )
        for _ in range(800)
    ]
    async with bench.billing() as billing:
        for _ in range(8):
            await record(billing, *chance.choices(made, k=300))
    engine = make_engine(url_of(bench.settings, "billing"))
    async with engine.connect() as connection:
        total = await connection.scalar(sa.select(sa.func.sum(ChargeRow.cost))) or 0
        entries = await connection.scalar(sa.select(sa.func.sum(EntryRow.amount)))
        by_day = sa.select(sa.func.sum(DayRow.cost)).group_by(DayRow.dimension)
        days = set((await connection.scalars(by_day)).all())
        spent = sa.select(sa.func.sum(AccountRow.balance)).where(AccountRow.code.like("expense:%"))
        owed = sa.select(sa.func.sum(AccountRow.balance)).where(AccountRow.code.like("payable:%"))
        sums = (
            sa.select(AccountRow.balance, sa.func.sum(EntryRow.amount))
            .join(EntryRow, EntryRow.account_id == AccountRow.id)
            .group_by(AccountRow.id, AccountRow.balance)
        )
        accounts = (await connection.execute(sums)).all()
        assert await connection.scalar(spent) == total
        assert days == {total}
        assert await connection.scalar(owed) == -total
    await engine.dispose()
    assert total > 0
    assert entries == 0
    assert all(balance == posted for balance, posted in accounts)


async def test_a_thousand_charges_take_few_statements(bench: Bench) -> None:
    """A delivery goes to the database in batches, so its size hardly matters."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    statements: list[str] = []
    sa.event.listen(
        engine.sync_engine,
        "before_cursor_execute",
        lambda *told: statements.append(told[2]),
    )
    made = [read_charge(charge(virtual_key_id=number % 9), "charge") for number in range(1000)]
    assert len(await LedgerStore(engine).record(made, [], 1)) == 1000
    await engine.dispose()
    assert len(statements) < 20


async def test_a_charge_takes_few_bytes(bench: Bench) -> None:
    """On SQLite with its entries and sums, on PostgreSQL with its indexes."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    ids, store, count = IdSource(), LedgerStore(engine), 4_000
    before = await _bytes_of(engine)
    for first in range(0, count, 1_000):
        made = [
            charge(virtual_key_id=number % 150 + 1, request_id=f"req_{ids.next()}")
            for number in range(first, first + 1_000)
        ]
        await store.record([read_charge(each, "charge") for each in made], [], 1)
    size = (await _bytes_of(engine) - before) / count
    await engine.dispose()
    assert 100 < size <= 500


async def _bytes_of(engine: AsyncEngine) -> int:
    """Return how large charges are with their indexes; on SQLite, the whole database."""
    query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    if engine.dialect.name == "postgresql":
        query = "SELECT pg_total_relation_size('billing_charges')"
    async with engine.connect() as connection:
        return int(await connection.scalar(sa.text(query)) or 0)
