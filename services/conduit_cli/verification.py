"""Checks a gateway's ledger, of one that runs or of a copy, and changes nothing."""

import asyncio
import time
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from conduit_billing.bootstrap import SERVICE
from conduit_billing.budgets.lease_store import LEASE_MICROS
from conduit_billing.ledger.verification import Breach, breaches
from conduit_billing.timestamps import MICRO
from conduit_kernel.database import database_url, make_engine
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.settings import Settings

# A Billing that was just started gives leases their time again before any expires.
_GRACE_MICROS = LEASE_MICROS + 60 * MICRO


class LedgerUnreadable(Exception):
    """There is no ledger to check; the message says why, and what to do."""


def ledger_breaches(data_dir: Path, address: str) -> list[Breach]:
    """Return what does not hold of a ledger: of a database's address, or else of a file's."""
    settings = Settings(
        data_dir=data_dir, master_key="", encryption_key=bytes(32), database_url=address
    )
    if not address and not (data_dir / f"{SERVICE}.db").is_file():
        raise LedgerUnreadable(f"{data_dir} has no {SERVICE}.db; name another --data-dir")
    try:
        return asyncio.run(_breaches(settings))
    except (ServiceUnavailable, SQLAlchemyError, OSError) as error:
        reason = error.message if isinstance(error, ServiceUnavailable) else type(error).__name__
        raise LedgerUnreadable(f"The ledger cannot be read: {reason}") from error


async def _breaches(settings: Settings) -> list[Breach]:
    engine = make_engine(database_url(settings, SERVICE))
    try:
        return await breaches(engine, int(time.time() * MICRO) - _GRACE_MICROS)
    finally:
        await engine.dispose()
