"""The audit log shows what was done to it by somebody else."""

from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from structlog.testing import capture_logs
from tests.support.registry import ENCRYPTION_KEY, Bench
from tests.unit.conduit_registry.conftest import AUTHOR, Edit

from conduit_kernel.secrets import Vault
from conduit_registry.retention import Retention
from conduit_registry.store import Store
from conduit_registry.store.audit_chain import AuditVerification, hash_of
from conduit_registry.store.tables import AuditChainRow, AuditRow

LINES = 5
DAY = 86_400
OTHER_KEY = bytes(32)
Tamper = Callable[[str], Awaitable[None]]


@pytest.fixture
async def filled(edit: Edit, store: Store) -> Store:
    """Return a store whose audit log has some lines."""
    async with edit() as editor:
        await editor.create_provider({"name": "Main", "provider_type": "OpenAI"})
    for weight in range(2, LINES + 1):
        async with edit() as editor:
            await editor.update_provider(1, {"weight": weight})
    return store


@pytest.fixture
def tamper(engine: AsyncEngine) -> Tamper:
    """Return what somebody with the database, and without the key, does to it."""

    async def run(statement: str) -> None:
        async with engine.begin() as connection:
            await connection.execute(sa.text(statement))

    return run


async def verified(store: Store, key: bytes = ENCRYPTION_KEY, *former: bytes) -> AuditVerification:
    """Return what a look at the log finds."""
    async with store.read() as reading:
        return await reading.verify_audit(Vault(key, *former))


async def test_what_conduit_wrote_is_whole(filled: Store, edit: Edit) -> None:
    """However often it is looked at; the hash of the last line changes with each one."""
    first = await verified(filled)
    assert (first.problem, first.entries, first.last_revision) == ("", LINES, LINES)
    assert await verified(filled) == first
    async with edit() as editor:
        await editor.update_provider(1, {"weight": 9})
    then = await verified(filled)
    assert (then.problem, then.entries) == ("", LINES + 1)
    assert then.head_hash != first.head_hash


async def test_a_log_without_lines_is_whole(store: Store) -> None:
    """Nothing was taken from it."""
    assert await verified(store) == AuditVerification(0, 0, "")


@pytest.mark.parametrize(
    ("statement", "problem", "revision"),
    [
        ("DELETE FROM audit_entries WHERE revision = 1", "A line is gone", 1),
        ("DELETE FROM audit_entries WHERE revision = 3", "A line is gone", 3),
        ("DELETE FROM audit_entries WHERE revision = 5", "The last line", LINES - 1),
        ("DELETE FROM audit_entries", "The last line", 0),
        ("UPDATE audit_entries SET actor = 'eve' WHERE revision = 2", "A line was changed", 2),
        ("UPDATE audit_entries SET peer = '::1' WHERE revision = 2", "A line was changed", 2),
        ("UPDATE audit_entries SET changes = '{}' WHERE revision = 4", "A line was changed", 4),
        ("UPDATE audit_entries SET occurred_at = 1 WHERE revision = 5", "A line was changed", 5),
        ("UPDATE audit_entries SET hash = NULL WHERE revision = 1", "A line was changed", 1),
        ("UPDATE audit_chain SET head_revision = 4", "The last line", LINES),
        ("UPDATE audit_chain SET signature = X'00'", "Conduit did not write the ends", LINES),
        ("DELETE FROM audit_chain", "The chain is gone", 1),
    ],
)
async def test_what_somebody_else_did_shows(
    filled: Store, tamper: Tamper, statement: str, problem: str, revision: int
) -> None:
    """A line that is gone, changed or no longer the last; and where it is."""
    await tamper(statement)
    found = await verified(filled)
    assert found.problem.startswith(problem)
    assert found.revision == revision


async def test_lines_cannot_be_cut_off_together_with_the_end(
    filled: Store, tamper: Tamper, engine: AsyncEngine
) -> None:
    """The chain would fit, but nobody without the key signs its ends."""
    async with engine.begin() as connection:
        query = sa.text("SELECT hash FROM audit_entries WHERE revision = 3")
        head: bytes = (await connection.execute(query)).scalar_one()
    await tamper("DELETE FROM audit_entries WHERE revision > 3")
    chain = sa.update(AuditChainRow).values(head_revision=3, head_hash=head)
    async with engine.begin() as connection:
        await connection.execute(chain)
    assert (await verified(filled)).problem == "Conduit did not write the ends of the chain"


async def forged(engine: AsyncEngine) -> None:
    """Have the newest line tell of somebody else, with all hashes as they would be then."""
    async with AsyncSession(engine) as session, session.begin():
        newest = sa.select(AuditRow).order_by(AuditRow.revision.desc()).limit(2)
        last, before = await session.scalars(newest)
        assert before.hash is not None
        last.actor = "nobody"
        last.hash = hash_of(last, before.hash)
        await session.execute(sa.update(AuditChainRow).values(head_hash=last.hash))


async def test_what_somebody_else_wrote_is_never_signed(
    filled: Store, engine: AsyncEngine, edit: Edit
) -> None:
    """The next change is made, and told of in the log; it does not make good what was done."""
    await forged(engine)
    not_ours = "Conduit did not write the ends of the chain"
    assert (await verified(filled)).problem == not_ours
    with capture_logs() as logs:
        async with edit() as editor:
            await editor.update_provider(1, {"weight": 9})
    assert "audit_chain_broken" in [line["event"] for line in logs]
    assert (await verified(filled)).problem == not_ours


async def test_what_is_forgotten_by_age_leaves_the_rest_whole(
    filled: Store, edit: Edit, bench: Bench
) -> None:
    """The chain begins behind it, also where clocks went back in between."""
    bench.clock.now += 5 * DAY
    async with edit() as editor:
        await editor.update_provider(1, {"weight": 10})
    bench.clock.now -= 4 * DAY
    async with edit() as editor:
        await editor.update_provider(1, {"weight": 11})
    bench.clock.now += 4 * DAY
    await Retention(filled, audit_days=3).forget()
    found = await verified(filled)
    assert (found.problem, found.entries, found.last_revision) == ("", 2, LINES + 2)
    bench.clock.now += 10 * DAY
    await Retention(filled, audit_days=3).forget()
    then = await verified(filled)
    assert (then.problem, then.entries, then.last_revision) == ("", 0, LINES + 2)


async def test_a_new_encryption_key_signs_what_the_former_one_signed(
    filled: Store, engine: AsyncEngine, bench: Bench
) -> None:
    """With the first transaction that writes; from then on the former one is not needed."""
    assert (await verified(filled, OTHER_KEY)).problem
    assert not (await verified(filled, OTHER_KEY, ENCRYPTION_KEY)).problem
    later = Store(engine, bench.clock, Vault(OTHER_KEY, ENCRYPTION_KEY))
    async with later.change(AUTHOR):
        pass
    assert not (await verified(filled, OTHER_KEY)).problem
