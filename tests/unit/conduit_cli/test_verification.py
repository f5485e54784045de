"""`conduit billing verify` on real files."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.billing import charge
from tests.unit.conduit_billing.conftest import settings_of

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.ledger.charges import read_charge
from conduit_billing.ledger.store import LedgerStore
from conduit_cli.commands import conduit
from conduit_kernel.database import open_database


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a folder with a ledger that has a charge."""

    async def make() -> None:
        engine = await open_database(settings_of(tmp_path), SERVICE, MIGRATIONS)
        await LedgerStore(engine).record([read_charge(charge(), "charge")], (), 1)
        await engine.dispose()

    asyncio.run(make())
    return tmp_path


def verified(folder: Path) -> tuple[int, str]:
    """Return the exit code of the command, and what it says."""
    arguments = ["billing", "verify", "--data-dir", str(folder)]
    result = CliRunner().invoke(conduit, arguments, env={"CONDUIT_DATABASE_URL": None})
    return result.exit_code, result.output


def test_a_sound_ledger_is_said_to_be_sound(data_dir: Path) -> None:
    """And is as it was."""
    assert verified(data_dir) == (0, "The ledger is sound.\n")


def test_what_does_not_hold_is_told(data_dir: Path) -> None:
    """In a line for each, with an exit code that scripts see."""
    with sqlite3.connect(data_dir / "billing.db") as connection:
        connection.execute("UPDATE billing_accounts SET balance = balance + 1 WHERE balance > 0")
    connection.close()
    code, output = verified(data_dir)
    assert code == 1
    line = "expense:virtual-key:4: a balance is the sum of its account's entries"
    assert line in output.splitlines()


def test_where_there_is_no_ledger_the_command_says_so(tmp_path: Path) -> None:
    """Nothing is made there, and a file that is no ledger is told apart."""
    code, output = verified(tmp_path)
    assert (code, "has no billing.db" in output) == (1, True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "billing.db").write_bytes(b"nothing of a database" * 100)
    code, output = verified(tmp_path)
    assert (code, "The ledger cannot be read" in output) == (1, True)
