"""Spools as processes leave them."""

from pathlib import Path

from conduit_router.accounting.segment import CHARGE
from conduit_router.accounting.spool import Spool


def closed_segment(folder: Path, *messages: bytes) -> Path:
    """Return a segment that holds messages."""
    spool = Spool(folder)
    for message in messages:
        spool.append(CHARGE, message)
    spool.close()
    return next(folder.glob("*/*.spool"))
