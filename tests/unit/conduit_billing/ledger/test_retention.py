"""Charges are kept for so many days."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.billing import DAY, NOW, charge
from tests.support.budgets import BudgetBench

from conduit_billing.ledger import retention as module
from conduit_billing.ledger.charges import PostedCharge, read_charge
from conduit_billing.ledger.days import Dimension
from conduit_billing.ledger.retention import ChargeRetention
from conduit_billing.reports.store import Days, ReportStore
from conduit_billing.timestamps import day_text
from conduit_kernel.ids import IdSource

KEPT = 31
OLD = NOW - (KEPT + 2) * DAY
FIRST = day_text(OLD // DAY)


class Bench(BudgetBench):
    """A ledger, and the files of what it keeps no longer."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        super().__init__(engine)
        self.folder = folder

    def retention(self, days: int = KEPT, at: float = NOW) -> ChargeRetention:
        """Return what detaches days."""
        return ChargeRetention(self.engine, self.folder, days, lambda: at)

    def written(self, day: str = FIRST) -> list[dict[str, Any]]:
        """Return the charges in a day's file."""
        with gzip.open(self.folder / f"{day}.jsonl.gz") as file:
            return [json.loads(line) for line in file]

    async def kept(self) -> list[str]:
        """Return the ids of charges that are there."""
        return [each.id for each in await self.ledger.charges(limit=99)]


@pytest.fixture
def bench(engine: AsyncEngine, tmp_path: Path) -> Bench:
    """Return an empty ledger."""
    return Bench(engine, tmp_path / "charges")


def made(at: int, **fields: object) -> PostedCharge:
    """Return a charge of a moment."""
    name = IdSource(lambda: at).next()
    return read_charge(charge(at=at, id=name, **fields), "charge")  # type: ignore[arg-type] # a charge's


async def test_days_that_are_due_are_written_and_deleted(bench: Bench) -> None:
    """A file each, with the charges as exports have them; younger ones stay."""
    old = [made(OLD), made(OLD + 1, virtual_key_id=0), made(OLD + 2, price=None)]
    next_day, young = made(OLD + DAY), made(NOW - KEPT * DAY)
    await bench.record(*old, next_day, young)
    await bench.retention().run()
    assert await bench.kept() == [young.id]
    written = bench.written()
    assert [each["id"] for each in written] == [each.id for each in reversed(old)]
    assert written[1]["cost"] == 1.0
    assert [each["id"] for each in bench.written(day_text(OLD // DAY + 1))] == [next_day.id]
    assert (bench.folder / f"{FIRST}.jsonl.gz").stat().st_mode & 0o077 == 0


async def test_reports_and_books_stay(bench: Bench) -> None:
    """Months are answered from the sums of days, and the checker knows what is gone."""
    await bench.record(*[made(OLD + number, virtual_key_id=number % 3) for number in range(9)])
    days = Days(OLD // DAY, OLD // DAY)
    before = await ReportStore(bench.engine).costs(Dimension.VIRTUAL_KEY, days)
    await bench.retention().run()
    assert await bench.kept() == []
    assert await ReportStore(bench.engine).costs(Dimension.VIRTUAL_KEY, days) == before
    assert await bench.breaches() == []


async def test_what_comes_late_is_left_out(bench: Bench) -> None:
    """One that was detached must not count twice; others of days that are kept count."""
    gone, kept = made(OLD), made(OLD + DAY)
    await bench.record(gone)
    await bench.retention().run()
    assert await bench.record(gone, kept) == 1
    assert await bench.kept() == [kept.id]


async def test_charges_are_kept_for_ever_unless_it_is_said(bench: Bench) -> None:
    """Nothing is written either."""
    await bench.record(made(OLD))
    await bench.retention(days=0).run()
    assert len(await bench.kept()) == 1
    assert not bench.folder.exists()


@pytest.mark.parametrize("broken", ["_write", "_delete"])
async def test_what_broke_off_is_gone_on_with(
    bench: Bench, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever step: each charge is in the file, and none is there twice."""
    monkeypatch.setattr(module, "PIECE", 2)
    old = [made(OLD + number) for number in range(5)]
    await bench.record(*old)
    step = getattr(ChargeRetention, broken)
    done = 0

    async def dies(self: ChargeRetention, *given: Any) -> object:  # noqa: ANN401 # of either step
        nonlocal done
        done += 1
        if done == (1 if broken == "_write" else 2):
            raise OSError("the disk is full")
        return await step(self, *given)

    monkeypatch.setattr(ChargeRetention, broken, dies)
    with pytest.raises(OSError, match="full"):
        await bench.retention().run()
    assert await bench.breaches() == []
    await bench.retention().run()
    assert sorted(each["id"] for each in bench.written()) == sorted(each.id for each in old)
    assert await bench.kept() == []
    assert await bench.breaches() == []


async def test_a_file_of_another_ledger_is_set_aside(bench: Bench) -> None:
    """It has other charges, perhaps."""
    old = made(OLD)
    await bench.record(old)
    bench.folder.mkdir()
    (bench.folder / f"{FIRST}.jsonl.gz").write_bytes(b"another")
    await bench.retention().run()
    assert [each["id"] for each in bench.written()] == [old.id]
    (aside,) = bench.folder.glob(f"{FIRST}.jsonl.gz.*")
    assert aside.read_bytes() == b"another"
