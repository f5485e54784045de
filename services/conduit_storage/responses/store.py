"""Keeps responses that callers can go on from, within bounds."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import CTE, ColumnElement, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.response_storage_service_pb2 import KeptResponse
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.settings import MAX_TASK_RESULT_BYTES
from conduit_storage.responses.tables import ResponseRow as Row

SERVICE = "storage"
# What a response takes beside its content, about: its row, and its places in the indexes.
ROW_BYTES = 512
# A conversation may have so many answers; nobody waits for a longer one to be read.
MOST_BEFORE = 1000
# Of a conversation, compressed: as large as a message between our services may be, less some.
MOST_SENT = MAX_TASK_RESULT_BYTES
# What is gone on from is kept this share of its time longer, so that not each turn prolongs it.
_SLACK = 0.05
# So many of the oldest are looked at in one go where room is made.
_AT_ONCE = 200
_COLUMNS = tuple(
    Row.__table__.columns[name]
    for name in (
        *("virtual_key_id", "id", "previous_id", "provider_id"),
        *("key_id", "account_group", "content"),
    )
)

# What a later version of a response has of its own; it came to be with the first one.
_REPLACED = ("provider_id", "key_id", "account_group", "content", "size")


class ResponseBounds(NamedTuple):
    """The most that is kept."""

    # Of one response.
    response_bytes: int
    # Of all responses of a virtual key.
    key_bytes: int
    # Since a response came to be, or one that goes on from it.
    retention_seconds: float


class ResponseStore:
    """Stores responses; times are in seconds since 1970."""

    def __init__(
        self, engine: AsyncEngine, bounds: ResponseBounds, *, most_before: int = MOST_BEFORE
    ) -> None:
        """Take the most that is kept, and how many a response goes on from at most."""
        self._most_before = most_before
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._bounds = bounds

    async def keep(self, responses: Iterable[KeptResponse], now: float) -> Sequence[str]:
        """Store responses, in the place of what has their ids; return those that are too large.

        By their ids. The oldest ones make room for them.
        """
        refused, taken = list[str](), dict[int, int]()
        async with guarded(SERVICE), self._writer.begin() as connection:
            for response in responses:
                if _size(response) > min(self._bounds.response_bytes, self._bounds.key_bytes):
                    refused.append(response.id)
                    continue
                owner = response.virtual_key_id
                if owner not in taken:
                    taken[owner] = await _taken(connection, owner)
                over = taken[owner] + _size(response) - self._bounds.key_bytes
                taken[owner] += _size(response) - await _make_room(connection, owner, over)
                await self._keep(connection, response, now)
        return refused

    async def _keep(self, connection: AsyncConnection, response: KeptResponse, now: float) -> None:
        owner, size, expires_at = response.virtual_key_id, _size(response), self._expiry(now)
        values = {column.name: getattr(response, column.name) for column in _COLUMNS}
        values |= {"size": size, "created_at": _millis(now), "expires_at": expires_at}
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        stored = insert(Row).values(**values)
        replaced = {name: values[name] for name in _REPLACED}
        await connection.execute(
            stored.on_conflict_do_update(index_elements=[Row.virtual_key_id, Row.id], set_=replaced)
        )
        if response.previous_id:
            # What it goes on from is needed for as long as it is: none expires before those that go
            # on from it, so that the first one that lasts long enough tells that of all before it.
            is_short = Row.expires_at < expires_at
            chain = self._chain(owner, response.previous_id, now, is_short)
            longer = update(Row).where(Row.virtual_key_id == owner, Row.id.in_(select(chain.c.id)))
            until = expires_at + _millis(self._bounds.retention_seconds * _SLACK)
            await connection.execute(longer.values(expires_at=until))

    async def response(
        self, virtual_key_id: int, response_id: str, now: float
    ) -> Sequence[KeptResponse]:
        """Return a response of an owner behind those that it goes on from; nothing if none.

        InvalidRequest if they are too large to be sent.
        """
        chain = self._chain(virtual_key_id, response_id, now)
        is_in_chain = Row.virtual_key_id == virtual_key_id, Row.id == chain.c.id
        size = select(func.sum(Row.size)).where(*is_in_chain)
        query = select(*_COLUMNS).where(*is_in_chain).order_by(chain.c.place.desc())
        async with guarded(SERVICE), self._reader.connect() as connection:
            if int(await connection.scalar(size) or 0) > MOST_SENT:
                raise InvalidRequest(
                    "The conversation is too large to be gone on from by its id",
                    field="previous_response_id",
                )
            rows = (await connection.execute(query)).all()
        return [KeptResponse(**row._asdict()) for row in rows]

    async def delete(self, virtual_key_id: int, response_id: str, now: float) -> bool:
        """Delete a response; return whether the owner had one of this id."""
        mine = *_of(virtual_key_id, response_id), Row.expires_at > _millis(now)
        async with guarded(SERVICE), self._writer.begin() as connection:
            return bool((await connection.execute(delete(Row).where(*mine))).rowcount)

    async def forget(self, now: float) -> None:
        """Delete the responses that are kept no longer."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(Row).where(Row.expires_at <= _millis(now)))

    def _chain(self, owner: int, response_id: str, now: float, *also: ColumnElement[bool]) -> CTE:
        """Return the ids and places of a response, at 0, and of those that it goes on from.

        It ends in front of the first one that does not meet the conditions.
        """
        alive = Row.virtual_key_id == owner, Row.expires_at > _millis(now), *also
        first = select(Row.id, Row.previous_id, literal(0).label("place"))
        chain = first.where(*alive, Row.id == response_id).cte("chain", recursive=True)
        before = select(Row.id, Row.previous_id, chain.c.place + 1)
        before = before.join(chain, Row.id == chain.c.previous_id)
        return chain.union_all(before.where(*alive, chain.c.place < self._most_before))

    def _expiry(self, now: float) -> int:
        return _millis(now + self._bounds.retention_seconds)


async def _taken(connection: AsyncConnection, owner: int) -> int:
    total = select(func.sum(Row.size)).where(Row.virtual_key_id == owner)
    # PostgreSQL's sums of large numbers are decimals.
    return int(await connection.scalar(total) or 0)


async def _make_room(connection: AsyncConnection, owner: int, over: int) -> int:
    """Delete the oldest responses of an owner, so many bytes of them; return how many it were."""
    freed = 0
    while freed < over:
        oldest = (
            select(Row.id, Row.size)
            .where(Row.virtual_key_id == owner)
            .order_by(Row.created_at, Row.id)
            .limit(_AT_ONCE)
        )
        gone = list[str]()
        for row in (await connection.execute(oldest)).all():
            if freed < over:
                gone.append(row.id)
                freed += row.size
        if not gone:
            break
        await connection.execute(delete(Row).where(Row.virtual_key_id == owner, Row.id.in_(gone)))
    return freed


def _of(owner: int, response_id: str) -> tuple[ColumnElement[bool], ...]:
    return Row.virtual_key_id == owner, Row.id == response_id


def _size(response: KeptResponse) -> int:
    return ROW_BYTES + len(response.content)


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
