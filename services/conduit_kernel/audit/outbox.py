"""Keeps what a service did until the Registry has it in the audit log.

A record is stored in the transaction of the change that it tells of: there is neither one without
the other, whatever dies in between. The Registry knows records by their ids, so that one that is
delivered again, because its answer was lost, is one line.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.audit_record_pb2 import AuditRecord
from conduit.internal.v1.audit_service_pb2 import RecordAuditRequest
from conduit.v1.audit_entry_pb2 import AuditAction
from conduit_kernel.audit.author import Author
from conduit_kernel.background import Background
from conduit_kernel.database import guarded, reader, writer

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceAsyncStub

DELIVER_SECONDS = 10.0
# Records that are delivered at a time.
PIECE = 100
_ID_BYTES = 16


class RecordedChange(NamedTuple):
    """One thing that was done."""

    action: AuditAction.ValueType
    # As the audit log spells it, such as `webhook`.
    resource_kind: str
    resource_id: str
    # The fields that changed, from what to what, secrets masked.
    changes: Mapping[str, object]


def outbox_table(metadata: sa.MetaData, service: str) -> sa.Table:
    """Return the table in which a service keeps its records."""
    return sa.Table(
        f"{service}_audit_outbox",
        metadata,
        # SQLite counts up only what it calls INTEGER.
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True
        ),
        # An AuditRecord.
        sa.Column("record", sa.LargeBinary, nullable=False),
    )


class AuditOutbox:
    """The records of one service."""

    def __init__(self, engine: AsyncEngine, table: sa.Table, service: str) -> None:
        """Take the service's database, and its table."""
        self._reader, self._writer = reader(engine), writer(engine)
        self._table = table
        self._service = service
        # Set while something may wait; at first, for what waited when an earlier process ended.
        self.waiting = asyncio.Event()
        self.waiting.set()

    async def add(
        self, connection: AsyncConnection, author: Author, change: RecordedChange, now: int
    ) -> None:
        """Store a record in the transaction of its change. `now`: microseconds since 1970.

        Whoever commits calls `announce`.
        """
        record = AuditRecord(
            id=secrets.token_hex(_ID_BYTES),
            actor=author.actor,
            peer=author.peer,
            request_id=author.request_id,
            action=change.action,
            resource_kind=change.resource_kind,
            resource_id=change.resource_id,
            changes=orjson.dumps(change.changes),
        )
        record.occurred_at.FromMicroseconds(now)
        row = {"record": record.SerializeToString()}
        await connection.execute(self._table.insert().values(row))

    def announce(self) -> None:
        """Have what was committed delivered."""
        self.waiting.set()

    def run(
        self,
        background: Background,
        registry: "AuditServiceAsyncStub",
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        """Begin to deliver to the Registry, which may be away for as long as it likes."""

        async def deliver() -> None:
            await self.deliver(registry, metadata)

        background.run("audit_outbox", deliver, when=self.waiting)

    async def deliver(
        self, registry: "AuditServiceAsyncStub", metadata: tuple[tuple[str, str], ...]
    ) -> None:
        """Deliver all that waits, in order: a step of a loop."""
        while rows := await self._oldest():
            records = [AuditRecord.FromString(record) for _, record in rows]
            await registry.RecordAudit(
                RecordAuditRequest(records=records), metadata=metadata, timeout=DELIVER_SECONDS
            )
            await self._forget([position for position, _ in rows])

    async def _oldest(self) -> list[tuple[int, bytes]]:
        columns = self._table.c
        query = sa.select(columns.position, columns.record).order_by(columns.position).limit(PIECE)
        async with guarded(self._service), self._reader.connect() as connection:
            return [(row.position, row.record) for row in await connection.execute(query)]

    async def _forget(self, positions: list[int]) -> None:
        column = self._table.c.position
        async with guarded(self._service), self._writer.begin() as connection:
            await connection.execute(self._table.delete().where(column.in_(positions)))
