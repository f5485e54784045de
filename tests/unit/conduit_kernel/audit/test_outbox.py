"""What a service did, until the Registry has it."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.credentials import service_metadata_of
from tests.support.scripted_registry import ScriptedRegistry, serve_registry

from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceStub
from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_UPDATED
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import PIECE, AuditOutbox, RecordedChange, outbox_table
from conduit_kernel.database import make_engine, writer
from conduit_kernel.rpc import connect

AUTHOR = Author("administrator/1 anna", "203.0.113.7", "req_1")
ENCRYPTION_KEY = bytes(32)
METADATA = service_metadata_of(ENCRYPTION_KEY)
TABLES = sa.MetaData()
TABLE = outbox_table(TABLES, "billing")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return a database with an outbox."""
    engine = make_engine(sa.make_url(f"sqlite+aiosqlite:///{tmp_path}/billing.db"))
    async with writer(engine).begin() as connection:
        await connection.run_sync(TABLES.create_all)
    yield engine
    await engine.dispose()


@pytest.fixture
def outbox(engine: AsyncEngine) -> AuditOutbox:
    """Return an outbox with nothing in it."""
    return AuditOutbox(engine, TABLE, "billing")


@pytest.fixture
async def registry() -> AsyncIterator[ScriptedRegistry]:
    """Return a Registry that takes records."""
    async with serve_registry(Snapshot(), ENCRYPTION_KEY) as registry:
        yield registry


async def deliver(outbox: AuditOutbox, registry: ScriptedRegistry) -> None:
    """Deliver to a Registry."""
    channel = connect(f"127.0.0.1:{registry.port}")
    async with channel:
        await outbox.deliver(AuditServiceStub(channel), METADATA)


async def change(engine: AsyncEngine, outbox: AuditOutbox, number: int) -> None:
    """Do something."""
    done = RecordedChange(AUDIT_ACTION_UPDATED, "model_cost", str(number), {"n": {"to": 2**53 + 1}})
    async with writer(engine).begin() as connection:
        await outbox.add(connection, AUTHOR, done, 1_000_001)


async def test_records_are_delivered_in_order_and_forgotten(
    engine: AsyncEngine, outbox: AuditOutbox, registry: ScriptedRegistry
) -> None:
    """More than go at once; numbers are exact."""
    count = PIECE + 1
    for number in range(count):
        await change(engine, outbox, number)
    await deliver(outbox, registry)
    assert [each.resource_id for each in registry.records] == list(map(str, range(count)))
    [record, *_] = registry.records
    assert (record.actor, record.peer, record.request_id) == AUTHOR
    assert record.changes == b'{"n":{"to":9007199254740993}}'
    assert record.occurred_at.ToMicroseconds() == 1_000_001
    assert len({each.id for each in registry.records}) == count
    await deliver(outbox, registry)
    assert len(registry.records) == count


async def test_a_change_that_is_undone_leaves_no_record(
    engine: AsyncEngine, outbox: AuditOutbox, registry: ScriptedRegistry
) -> None:
    """Both are of one transaction."""
    done = RecordedChange(AUDIT_ACTION_UPDATED, "model_cost", "1", {})
    async with writer(engine).connect() as connection:
        await outbox.add(connection, AUTHOR, done, 1)
        await connection.rollback()
    await deliver(outbox, registry)
    assert registry.records == []


async def test_what_could_not_be_delivered_waits_for_the_next_process(
    engine: AsyncEngine, registry: ScriptedRegistry
) -> None:
    """With the id that it had: a Registry that took it, and whose answer was lost, knows it."""
    dying = AuditOutbox(engine, TABLE, "billing")
    await change(engine, dying, 7)
    channel = connect("127.0.0.1:1")
    async with channel:
        with pytest.raises(grpc.RpcError):
            await dying.deliver(AuditServiceStub(channel), METADATA)
    after = AuditOutbox(engine, TABLE, "billing")
    assert after.waiting.is_set()
    await deliver(after, registry)
    assert [each.resource_id for each in registry.records] == ["7"]
