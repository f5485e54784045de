"""Keeps tasks, and holds what is kept to its bounds."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.v1.task_pb2 import (
    TASK_STATUS_CANCELLED,
    TASK_STATUS_FAILED,
    TASK_STATUS_RUNNING,
    TASK_STATUS_SUCCEEDED,
    Task,
    TaskError,
    TaskStatus,
)
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import (
    InvalidRequest,
    ServiceUnavailable,
    StorageFull,
    TaskInterrupted,
)
from conduit_kernel.openai_errors import task_error_of
from conduit_storage.tasks.tables import TaskRow

SERVICE = "storage"
# What a task takes beside its result, about: its row, and its places in the indexes.
ROW_BYTES = 1024
# Characters of an error's message.
MAX_MESSAGE = 4000
# A router that is silent about a task for so long is lost.
LEASE_SECONDS = 20.0
_LISTED = tuple(each for each in TaskRow.__table__.columns if each.name != "result")


class Bounds(NamedTuple):
    """The most that is kept."""

    # Of a task's result.
    result_bytes: int
    # Of all tasks of a virtual key.
    key_bytes: int
    # Of an ended task.
    retention_seconds: float


class NewTask(NamedTuple):
    """A task that a router begins."""

    id: str
    virtual_key_id: int
    router_id: str
    operation: str
    model: str


class TaskStore:
    """Stores tasks; times are in seconds since 1970."""

    def __init__(self, engine: AsyncEngine, bounds: Bounds) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._bounds = bounds
        # Whether any task was under way when lost ones were last looked for.
        self.has_running = True
        # Since when all routers could say what they work on; not yet, or not now, if unset.
        self._heard_at: float | None = None

    async def add(self, task: NewTask, now: float) -> Task:
        """Store a task that is under way, unless it is stored, and return it.

        StorageFull if its owner's tasks leave no room for it, InvalidRequest if another's task has
        its id.
        """
        async with guarded(SERVICE), self._writer.begin() as connection:
            stored = await _find(connection, task.virtual_key_id, task.id)
            if stored is None:
                await _check_free(connection, task.id)
                await self._check_room(connection, task.virtual_key_id, ROW_BYTES)
                row = task._asdict() | {
                    "status": TASK_STATUS_RUNNING,
                    "size": ROW_BYTES,
                    "created_at": _millis(now),
                    "expires_at": _millis(now + self._bounds.retention_seconds),
                    "leased_until": _millis(now + LEASE_SECONDS),
                    **_error_columns(TaskError()),
                }
                await connection.execute(insert(TaskRow).values(**row))
                stored = await _find(connection, task.virtual_key_id, task.id)
            assert stored is not None  # noqa: S101 # it was there, or is now
            return stored

    async def renew(self, router_id: str, ids: Collection[str], now: float) -> Sequence[str]:
        """Lease tasks to their router for longer; return those that are not under way there."""
        try:
            return await self._renew(router_id, ids, now)
        except ServiceUnavailable:
            # Their leases end, though their routers spoke.
            self._heard_at = None
            raise

    async def _renew(self, router_id: str, ids: Collection[str], now: float) -> Sequence[str]:
        under_way = TaskRow.id.in_(ids), TaskRow.router_id == router_id, _IS_UNDER_WAY
        # Renewed twice within a lease, not each time that a router asks what has ended.
        is_due = TaskRow.leased_until < _millis(now + LEASE_SECONDS / 2)
        async with guarded(SERVICE), self._reader.connect() as connection:
            query = select(TaskRow.id, is_due).where(*under_way)
            found = {row.id: row[1] for row in await connection.execute(query)}
        if any(found.values()):
            await self._lease(under_way, now)
        return [each for each in ids if each not in found]

    async def finish(
        self, task_id: str, router_id: str, outcome: bytes | TaskError, now: float
    ) -> None:
        """Store what a task came to; one that is not under way there is left as it is.

        A result for which there is no room makes it fail.
        """
        mine = TaskRow.id == task_id, TaskRow.router_id == router_id, _IS_UNDER_WAY
        async with guarded(SERVICE), self._writer.begin() as connection:
            owner = await connection.scalar(select(TaskRow.virtual_key_id).where(*mine))
            if owner is None:
                return
            if isinstance(outcome, bytes):
                try:
                    await self._check_result(connection, owner, outcome)
                except StorageFull as error:
                    outcome = task_error_of(error)
            change = update(TaskRow).where(*mine).values(**self._ended(outcome, now))
            await connection.execute(change)

    async def task(self, virtual_key_id: int, task_id: str, now: float) -> Task | None:
        """Return a task of an owner with its result; None if the owner has none of this id."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            query = _of(virtual_key_id, task_id).where(_is_kept(now))
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else _task(row, row.result)

    async def tasks(
        self, virtual_key_id: int, after: str, limit: int, now: float
    ) -> tuple[Sequence[Task], bool]:
        """Return an owner's tasks, newest first, without results, and whether there are more."""
        query = select(*_LISTED).where(TaskRow.virtual_key_id == virtual_key_id, _is_kept(now))
        if after:
            query = query.where(TaskRow.id < after)
        query = query.order_by(TaskRow.id.desc()).limit(limit + 1)
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = [_task(row) for row in (await connection.execute(query)).all()]
        return found[:limit], len(found) > limit

    async def cancel(self, virtual_key_id: int, task_id: str, now: float) -> Task | None:
        """Take a task back, unless it has ended, and return it; None if there is none."""
        change = update(TaskRow).where(
            TaskRow.id == task_id, TaskRow.virtual_key_id == virtual_key_id, _IS_UNDER_WAY
        )
        values = self._completed(TASK_STATUS_CANCELLED, now)
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(change.values(**values))
            query = _of(virtual_key_id, task_id).where(_is_kept(now))
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else _task(row, row.result)

    async def delete(self, virtual_key_id: int, task_id: str, now: float) -> bool:
        """Delete a task of an owner, under way or not; return whether there was one."""
        own = TaskRow.id == task_id, TaskRow.virtual_key_id == virtual_key_id, _is_kept(now)
        async with guarded(SERVICE), self._writer.begin() as connection:
            return bool((await connection.execute(delete(TaskRow).where(*own))).rowcount)

    async def end_lost(self, now: float) -> int:
        """Let tasks fail whose routers are lost; return how many there were.

        Where nobody was heard for a lease, as before a start, while the database was away, or while
        this process was stopped, all routers get the time to say what they still work on.
        """
        lost = _IS_UNDER_WAY, TaskRow.leased_until < _millis(now)
        first_end = select(func.min(TaskRow.leased_until)).where(_IS_UNDER_WAY)
        async with guarded(SERVICE), self._reader.connect() as connection:
            ends_at = await connection.scalar(first_end)
        self.has_running = ends_at is not None
        was_deaf = self._heard_at is None or now - self._heard_at >= LEASE_SECONDS
        if ends_at is not None and was_deaf:
            await self._lease((_IS_UNDER_WAY,), now)
            ends_at = None
        self._heard_at = now
        # Mostly there are none, and then nobody waits for a writer.
        if ends_at is None or ends_at >= _millis(now):
            return 0
        message = "The router that worked on the task was lost"
        error = task_error_of(TaskInterrupted(message, task_id=""))
        async with guarded(SERVICE), self._writer.begin() as connection:
            change = update(TaskRow).where(*lost).values(**self._ended(error, now))
            return (await connection.execute(change)).rowcount

    async def _lease(self, of: Sequence[ColumnElement[bool]], now: float) -> None:
        lease = update(TaskRow).where(*of).values(leased_until=_millis(now + LEASE_SECONDS))
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(lease)

    async def forget(self, now: float) -> None:
        """Delete the ended tasks that are kept no longer."""
        old = delete(TaskRow).where(
            TaskRow.expires_at <= _millis(now), TaskRow.leased_until.is_(None)
        )
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(old)

    async def _check_result(self, connection: AsyncConnection, owner: int, result: bytes) -> None:
        most = self._bounds.result_bytes
        if len(result) > most:
            message = f"The result has {len(result)} bytes; {most} are kept at most"
            raise StorageFull(message, limit_bytes=str(most))
        await self._check_room(connection, owner, len(result))

    async def _check_room(self, connection: AsyncConnection, owner: int, size: int) -> None:
        query = select(func.sum(TaskRow.size)).where(TaskRow.virtual_key_id == owner)
        # PostgreSQL's sums of large numbers are decimals.
        taken, most = int(await connection.scalar(query) or 0), self._bounds.key_bytes
        if taken + size > most:
            message = f"The tasks of this virtual key take {taken} of {most} bytes, which leaves"
            raise StorageFull(f"{message} no room for {size} more", limit_bytes=str(most))

    def _ended(self, outcome: bytes | TaskError, now: float) -> dict[str, Any]:
        if isinstance(outcome, TaskError):
            return self._completed(TASK_STATUS_FAILED, now) | _error_columns(outcome)
        result = {"result": outcome, "size": ROW_BYTES + len(outcome)}
        return self._completed(TASK_STATUS_SUCCEEDED, now) | result

    def _completed(self, status: TaskStatus.ValueType, now: float) -> dict[str, Any]:
        return {
            "status": status,
            "completed_at": _millis(now),
            "expires_at": _millis(now + self._bounds.retention_seconds),
            "leased_until": None,
        }


_IS_UNDER_WAY = TaskRow.status == TASK_STATUS_RUNNING


def _is_kept(now: float) -> ColumnElement[bool]:
    return (TaskRow.expires_at > _millis(now)) | _IS_UNDER_WAY


def _of(virtual_key_id: int, task_id: str) -> Any:  # noqa: ANN401 # a query of many columns
    return select(*TaskRow.__table__.columns).where(
        TaskRow.id == task_id, TaskRow.virtual_key_id == virtual_key_id
    )


async def _find(connection: AsyncConnection, virtual_key_id: int, task_id: str) -> Task | None:
    row = (await connection.execute(_of(virtual_key_id, task_id))).one_or_none()
    return None if row is None else _task(row)


async def _check_free(connection: AsyncConnection, task_id: str) -> None:
    known = select(TaskRow.id).where(TaskRow.id == task_id)
    if (await connection.execute(known)).first() is not None:
        raise InvalidRequest("Another's task has this id", field="id")


def _task(row: Row[Any], result: bytes | None = None) -> Task:
    """Return a task as callers see it."""
    task = Task(
        id=row.id,
        object="task",
        operation=row.operation,
        status=row.status,
        model=row.model,
        created_at=row.created_at // 1000,
        expires_at=row.expires_at // 1000,
    )
    if row.completed_at is not None:
        task.completed_at = row.completed_at // 1000
    if result is not None:
        task.result_json = result
    if row.status == TASK_STATUS_FAILED:
        task.error.message = row.error_message
        task.error.type = row.error_type
        task.error.code = row.error_code
    return task


def _error_columns(error: TaskError) -> dict[str, str]:
    # Providers wrote some of it; PostgreSQL keeps no text with zeros.
    message = error.message[:MAX_MESSAGE].replace("\0", "\ufffd")
    return {
        "error_message": message,
        "error_type": error.type,
        "error_code": error.code,
    }


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
