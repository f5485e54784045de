"""Refused logins are written once their minute is over."""

import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import Bench

from conduit_kernel.audit.refused_logins import RefusedLogins
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.pagination import Page
from conduit_registry.audit_values import AuditEntry
from conduit_registry.refused_logins import RefusedLoginWriter
from conduit_registry.store import Store

WRONG = "MASTER_KEY_INVALID"


@pytest.fixture
def counted(bench: Bench) -> RefusedLogins:
    """Return a count of nothing."""
    return RefusedLogins(bench.clock)


@pytest.fixture
def writer(store: Store, counted: RefusedLogins) -> RefusedLoginWriter:
    """Return what writes what is counted."""
    return RefusedLoginWriter(store, counted)


async def entries(store: Store) -> list[AuditEntry]:
    """Return the audit log, oldest first."""
    async with store.read() as reading:
        return (await reading.audit_page(Page(100, 0, "")))[::-1]


async def test_a_minute_is_written_once_services_had_the_time_to_tell_of_it(
    counted: RefusedLogins, writer: RefusedLoginWriter, store: Store, bench: Bench
) -> None:
    """Not before, or there would be two lines of it; the loop is woken again until then."""
    counted.note("192.0.2.1", WRONG)
    bench.clock.now += 74
    counted.waiting.clear()
    await writer.write_due()
    assert await entries(store) == []
    assert counted.waiting.is_set()
    bench.clock.now += 1
    counted.waiting.clear()
    await writer.write_due()
    [entry] = await entries(store)
    assert (entry.peer, entry.changes) == ("192.0.2.1", {"reason": WRONG, "count": 1})
    assert not counted.waiting.is_set()
    await writer.write_due()
    assert len(await entries(store)) == 1


async def test_what_the_database_refuses_is_written_later(
    counted: RefusedLogins,
    writer: RefusedLoginWriter,
    store: Store,
    bench: Bench,
    engine: AsyncEngine,
) -> None:
    """Nothing is counted twice, and nothing lost, unless the process ends meanwhile."""
    counted.note("192.0.2.1", WRONG)
    bench.clock.now += 120
    path = bench.settings.data_dir / "registry.db"
    await engine.dispose()
    hidden = path.rename(path.with_suffix(".away"))
    path.mkdir()
    with pytest.raises(ServiceUnavailable):
        await writer.write_due()
    with structlog.testing.capture_logs() as lines:
        other = RefusedLogins(bench.clock)
        other.note("192.0.2.9", WRONG)
        await RefusedLoginWriter(store, other).write_last()
    [lost] = [each for each in lines if each["event"] == "refused_logins_lost"]
    assert lost["count"] == 1
    path.rmdir()
    hidden.rename(path)
    await writer.write_due()
    [entry] = await entries(store)
    assert entry.changes["count"] == 1
