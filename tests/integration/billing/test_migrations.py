"""Billing's migrations, on both databases."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.integration.billing.conftest import Bench
from tests.support.billing import charge

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import Line, read_charge
from conduit_billing.ledger.postings import AccountType, PostingKind, top_up
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.tables import Base, ChargeRow, PostingRow
from conduit_kernel.database import database_url as url_of
from conduit_kernel.database import make_engine, open_database, writer
from conduit_kernel.migrating import BASE, migrate


def differences(connection: Connection) -> list[object]:
    """Return how the tables differ from what the code believes."""
    context = MigrationContext.configure(connection)
    found: list[object] = compare_metadata(context, Base.metadata)
    return [each for each in found if "alembic_version" not in str(each)]


async def test_migrations_make_the_tables_of_the_code_and_remove_them(bench: Bench) -> None:
    """Up gives exactly the tables of the code; down leaves none of them; up works again."""
    for _ in range(2):
        engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        async with writer(engine).begin() as connection:
            await connection.run_sync(migrate, SERVICE, MIGRATIONS, BASE)
        await engine.dispose()
        engine = make_engine(url_of(bench.settings, SERVICE))
        async with engine.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        await engine.dispose()
        assert not set(names) & set(Base.metadata.tables)


async def test_charges_survive_the_way_up_and_down(bench: Bench) -> None:
    """What people have who ran an earlier version is there after it, and after going back."""
    engine = make_engine(url_of(bench.settings, SERVICE))
    async with writer(engine).begin() as connection:
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0002")
        for statement, values in OLD_ROWS:
            await connection.execute(sa.text(statement), values)
    await engine.dispose()
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    async with engine.connect() as connection:
        charge_rows, posting_rows = ChargeRow, PostingRow
        assert await selected(connection, charge_rows.id, charge_rows.posting_id) == [
            (A, A),
            (B, None),
            (C, C),
        ]
        columns = posting_rows.id, posting_rows.kind, posting_rows.posted_at
        assert await selected(connection, *columns) == [
            (A, PostingKind.CHARGE, 11),
            (C, PostingKind.CHARGE, 13),
        ]
        assert await rows(connection, "SELECT code, type, balance FROM billing_accounts") == [
            ("expense:internal", AccountType.EXPENSE, 5),
            ("expense:virtual-key:4", AccountType.EXPENSE, 7),
            ("payable:1:a:b", AccountType.PAYABLE, -12),
        ]
        assert await rows(connection, "SELECT id FROM billing_attempt_stats") == [("counted",)]
    store = LedgerStore(engine)
    assert [(each.id, each.lines) for each in await store.charges(limit=9)] == [
        (C, ()),
        (B, (Line(2, 9, None),)),
        (A, (Line(1, 7, 1_000_000), Line(2, 0, None))),
    ]
    assert await store.charges(limit=9, of=ChargeFilter(account_group="a:b", virtual_key_id=0))
    await store.post(top_up("paid", "group:2", 100, 1))
    made = charge(tokens=9, price=1_000_000, virtual_key_id=0, provider_account_group="a:b")
    await store.record([read_charge(made, "charge")], [], 1)
    async with writer(engine).begin() as connection:
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0002")
        assert await rows(connection, "SELECT code, balance FROM billing_accounts") == [
            ("expense:internal", 14),
            ("expense:virtual-key:4", 7),
            ("payable:1:a:b", -21),
        ]
        entries = "SELECT charge_id, amount FROM billing_entries"
        assert await rows(connection, entries) == [
            (made.id, -9),
            (made.id, 9),
            (A, -7),
            (A, 7),
            (C, -5),
            (C, 5),
        ]
        lines = "SELECT charge_id, position, unit, quantity, price FROM billing_charge_lines"
        kept = [tuple(line.values()) for line in LINES]
        assert await rows(connection, lines) == [(made.id, 0, 1, 9, 1_000_000), *kept]
        assert await rows(connection, "SELECT id FROM billing_tallies") == [("counted",)]
    await engine.dispose()


async def test_ids_of_requests_are_packed_and_written_out_again(bench: Bench) -> None:
    """Each is found by what its caller was told, before and after."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    names = ["req_01nb00000000000000000000ab", "one of the caller's own", ""]
    made = [read_charge(charge(request_id=name), "charge") for name in names]
    await LedgerStore(engine).record(made, [], 1)
    async with writer(engine).begin() as connection:
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0014")
        query = "SELECT request_id FROM billing_charges"
        stored = {bytes(name) for (name,) in await connection.execute(sa.text(query))}
        assert stored == {b"\xff" + name.encode() for name in names}
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0015")
        stored = {bytes(name) for (name,) in await connection.execute(sa.text(query))}
        assert sorted(map(len, stored)) == [1, 17, 24]
    for each in made[:2]:
        of = ChargeFilter(request_id=each.request_id)
        assert [found.id for found in await LedgerStore(engine).charges(limit=9, of=of)] == [
            each.id
        ]
    await engine.dispose()


async def selected(connection: AsyncConnection, *columns: object) -> list[tuple[object, ...]]:
    """Return columns of a table, in order."""
    found = await connection.execute(sa.select(*columns).order_by(columns[0]))  # type: ignore[call-overload] # columns
    return [tuple(row) for row in found]


async def rows(connection: AsyncConnection, query: str) -> list[tuple[object, ...]]:
    """Return what a query finds, sorted."""
    return sorted(tuple(row) for row in await connection.execute(sa.text(query)))


A, B, C = (f"01nb{letter}{'0' * 21}" for letter in "abc")
LINES: list[dict[str, object]] = [
    {"id": A, "at": 0, "unit": 1, "quantity": 7, "price": 1_000_000},
    {"id": A, "at": 1, "unit": 2, "quantity": 0, "price": None},
    {"id": B, "at": 0, "unit": 2, "quantity": 9, "price": None},
]
# As v0002 had them: a charge of a virtual key, one of unknown price, and one of Conduit's own.
OLD_ROWS: list[tuple[str, list[dict[str, object]]]] = [
    (
        (
            "INSERT INTO billing_charges (id, request_id, occurred_at, provider_id, provider_type, "
            "key_id, account_group, virtual_key_id, model_alias, actual_model_name, operation, "
            "cost, price_version, usage_source, is_complete, duration_ms) "
            "VALUES (:id, 'r', :at, 1, 'OpenAI', "
            "'key_1', 'a:b', :virtual_key, 'm', 'm', 'chat', :cost, 'v', 1, TRUE, 5)"
        ),
        [
            {"id": A, "at": 11, "virtual_key": 4, "cost": 7},
            {"id": B, "at": 12, "virtual_key": 4, "cost": None},
            {"id": C, "at": 13, "virtual_key": 0, "cost": 5},
        ],
    ),
    (
        (
            "INSERT INTO billing_charge_lines (charge_id, position, unit, quantity, price) "
            "VALUES (:id, :at, :unit, :quantity, :price)"
        ),
        LINES,
    ),
    (
        "INSERT INTO billing_accounts (code, balance) VALUES (:code, :balance)",
        [
            {"code": "expense:virtual-key:4", "balance": 7},
            {"code": "payable:1:a:b", "balance": -12},
            {"code": "expense:internal", "balance": 5},
        ],
    ),
    (
        (
            "INSERT INTO billing_entries (charge_id, account_id, amount) "
            "SELECT :id, id, CAST(:amount AS BIGINT) FROM billing_accounts WHERE code = :code"
        ),
        [
            {"id": A, "code": "expense:virtual-key:4", "amount": 7},
            {"id": A, "code": "payable:1:a:b", "amount": -7},
            {"id": C, "code": "expense:internal", "amount": 5},
            {"id": C, "code": "payable:1:a:b", "amount": -5},
        ],
    ),
    ("INSERT INTO billing_tallies (id, started_at) VALUES (:id, 5)", [{"id": "counted"}]),
]
