"""Keeps webhooks, what is on its way to them, and what became of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit.v1.webhook_pb2 import (
    DELIVERY_STATUS_FAILED,
    DELIVERY_STATUS_PENDING,
    DeliveryStatus,
)
from conduit_health.webhooks.tables import DeliveryRow, WebhookRow
from conduit_health.webhooks.webhook import Webhook, recorded
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.database import guarded, reader, writer

SERVICE = "health"
# Of one webhook; the oldest are given up.
MAX_PENDING = 1_000
CROWDED = "Too many deliveries waited"


class Delivery(NamedTuple):
    """A notification on its way to a webhook. Times are seconds since 1970, 0 for never."""

    id: int
    webhook_id: int
    notification_id: int
    kind: int
    body: bytes
    status: DeliveryStatus.ValueType
    attempts: int
    http_status: int
    error: str
    created_at: float
    attempted_at: float
    due_at: float


class WebhookStore:
    """Stores webhooks and deliveries. Changes of webhooks leave records for the audit log."""

    def __init__(self, engine: AsyncEngine, outbox: AuditOutbox) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._outbox = outbox

    async def add(self, webhook: Webhook, author: Author) -> int:
        """Store a webhook; return its id."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            stored = insert(WebhookRow).values(**_values(webhook)).returning(WebhookRow.id)
            number = (await connection.execute(stored)).scalar_one()
            record = recorded(None, webhook._replace(id=number))
            await self._outbox.add(connection, author, record, _micros(webhook.created_at))
        self._outbox.announce()
        return number

    async def webhooks(self) -> Sequence[Webhook]:
        """Return all, in order of id."""
        query = select(*WebhookRow.__table__.columns).order_by(WebhookRow.id)
        async with guarded(SERVICE), self._reader.connect() as connection:
            return [_webhook(row) for row in (await connection.execute(query)).all()]

    async def webhook(self, webhook_id: int) -> Webhook | None:
        """Return one; None if there is none."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            return await _find(connection, webhook_id)

    async def change(
        self, webhook_id: int, change: Callable[[Webhook], Webhook], now: float, author: Author
    ) -> Webhook | None:
        """Store what becomes of a webhook, and return it; None if there is none."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            old = await _find(connection, webhook_id, for_update=True)
            if old is None:
                return None
            if (new := change(old)) == old:
                return old
            changed = update(WebhookRow).where(WebhookRow.id == webhook_id)
            await connection.execute(changed.values(**_values(new)))
            await self._outbox.add(connection, author, recorded(old, new), _micros(now))
        self._outbox.announce()
        return new

    async def delete(self, webhook_id: int, now: float, author: Author) -> bool:
        """Delete a webhook with its deliveries; return whether there was one."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            old = await _find(connection, webhook_id, for_update=True)
            if old is None:
                return False
            await connection.execute(
                delete(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id)
            )
            await connection.execute(delete(WebhookRow).where(WebhookRow.id == webhook_id))
            await self._outbox.add(connection, author, recorded(old, None), _micros(now))
        self._outbox.announce()
        return True

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Store what shall be delivered; of what waits already, the newest stay."""
        rows = [_row(each) for each in deliveries]
        if not rows:
            return
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(insert(DeliveryRow), rows)
            for webhook_id in {each.webhook_id for each in deliveries}:
                await _give_up_oldest(connection, webhook_id)

    async def due(
        self, now: float, limit: int, *, excluding: Iterable[int] = ()
    ) -> Sequence[Delivery]:
        """Return what is to be attempted now, in the order in which it became due.

        `excluding` has the ids of webhooks to pass over.
        """
        query = (
            select(*DeliveryRow.__table__.columns)
            .where(
                DeliveryRow.status == DELIVERY_STATUS_PENDING,
                DeliveryRow.due_at <= _millis(now),
                DeliveryRow.webhook_id.not_in(list(excluding)),
            )
            .order_by(DeliveryRow.due_at, DeliveryRow.id)
            .limit(limit)
        )
        async with guarded(SERVICE), self._reader.connect() as connection:
            return [_delivery(row) for row in (await connection.execute(query)).all()]

    async def next_due(self) -> float | None:
        """Return when something is to be attempted next; None if nothing waits."""
        query = select(func.min(DeliveryRow.due_at)).where(
            DeliveryRow.status == DELIVERY_STATUS_PENDING
        )
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = await connection.scalar(query)
        return None if found is None else found / 1000

    async def attempted(self, delivery: Delivery) -> None:
        """Store what an attempt came to."""
        values = _row(delivery)
        for name in ("body", "webhook_id", "notification_id", "kind", "created_at"):
            del values[name]
        change = update(DeliveryRow).where(DeliveryRow.id == delivery.id).values(**values)
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(change)

    async def deliveries(self, webhook_id: int, before: int, limit: int) -> Sequence[Delivery]:
        """Return deliveries of a webhook, newest first, with ids below `before` unless it is 0."""
        query = select(*DeliveryRow.__table__.columns).where(DeliveryRow.webhook_id == webhook_id)
        if before:
            query = query.where(DeliveryRow.id < before)
        query = query.order_by(DeliveryRow.id.desc()).limit(limit)
        async with guarded(SERVICE), self._reader.connect() as connection:
            return [_delivery(row) for row in (await connection.execute(query)).all()]

    async def forget(self, before: float) -> None:
        """Delete what was created before a time and does not wait any more."""
        old = delete(DeliveryRow).where(
            DeliveryRow.created_at < _millis(before),
            DeliveryRow.status != DELIVERY_STATUS_PENDING,
        )
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(old)


async def _find(
    connection: AsyncConnection, webhook_id: int, *, for_update: bool = False
) -> Webhook | None:
    query = select(*WebhookRow.__table__.columns).where(WebhookRow.id == webhook_id)
    if for_update:
        query = query.with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _webhook(row)


async def _give_up_oldest(connection: AsyncConnection, webhook_id: int) -> None:
    waiting = (DeliveryRow.webhook_id == webhook_id) & (
        DeliveryRow.status == DELIVERY_STATUS_PENDING
    )
    kept = select(DeliveryRow.id).where(waiting).order_by(DeliveryRow.id.desc())
    oldest_kept = await connection.scalar(kept.offset(MAX_PENDING - 1).limit(1))
    if oldest_kept is not None:
        too_old = update(DeliveryRow).where(waiting, DeliveryRow.id < oldest_kept)
        await connection.execute(too_old.values(status=DELIVERY_STATUS_FAILED, error=CROWDED))


def _webhook(row: Row[tuple[object, ...]]) -> Webhook:
    values = dict(row._mapping)  # noqa: SLF001 # its public name, for want of a better one
    kinds: Iterable[str] = filter(None, values["kinds"].split(","))
    secret = SealedSecret.FromString(values["secret"])
    return Webhook(
        **values
        | {
            "kinds": frozenset(map(int, kinds)),
            "secret": secret,
            "created_at": values["created_at"] / 1000,
            "updated_at": values["updated_at"] / 1000,
        }
    )


def _values(webhook: Webhook) -> dict[str, object]:
    values: dict[str, object] = webhook._asdict() | {
        "kinds": ",".join(map(str, sorted(webhook.kinds))),
        "secret": webhook.secret.SerializeToString(),
        "created_at": _millis(webhook.created_at),
        "updated_at": _millis(webhook.updated_at),
    }
    del values["id"]
    return values


def _delivery(row: Row[tuple[object, ...]]) -> Delivery:
    values = dict(row._mapping)  # noqa: SLF001 # as above
    return Delivery(**values | {name: values[name] / 1000 for name in _TIMES})


def _row(delivery: Delivery) -> dict[str, object]:
    values = delivery._asdict()
    times: dict[str, object] = {name: _millis(values[name]) for name in _TIMES}
    return {name: value for name, value in values.items() if name != "id"} | times


_TIMES = ("created_at", "attempted_at", "due_at")


def _millis(seconds: float) -> int:
    return round(seconds * 1000)


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
