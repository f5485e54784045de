"""Keeps files, and holds what is kept to its bounds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.v1.stored_file_pb2 import StoredFile
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import InvalidRequest, StorageFull
from conduit_kernel.not_found_errors import FileNotFound
from conduit_storage.files.tables import FileRow, PieceRow

SERVICE = "storage"
# What a file takes beside its pieces, about: its row, and its places in the indexes.
ROW_BYTES = 1024
# Of a virtual key.
MAX_FILES = 10_000
# Characters of a name, and of what it is for.
MAX_NAME, MAX_PURPOSE = 512, 64
# Whoever sends a file for longer than this has given it up.
UNFINISHED_SECONDS = 3600.0
# About so much is read at a time.
READ_BYTES = 1024 * 1024
# So many expired files are deleted in one go; each takes its pieces with it.
_AT_ONCE = 10


class FileBounds(NamedTuple):
    """The most that is kept."""

    # Of one file, as it was sent.
    file_bytes: int
    # Of all files of a virtual key, and of all files, as they are kept.
    key_bytes: int
    all_bytes: int
    # Of a whole file.
    retention_seconds: float


class NewFile(NamedTuple):
    """A file that is begun."""

    id: str
    virtual_key_id: int
    filename: str
    purpose: str
    # Zero for as long as any file.
    retention_seconds: int = 0


class FileStore:
    """Stores files; times are in seconds since 1970."""

    def __init__(self, engine: AsyncEngine, bounds: FileBounds) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._bounds = bounds

    async def begin(self, new: NewFile, now: float) -> None:
        """Store that a file is sent, unless it is stored. StorageFull if there is no room."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            known = select(FileRow.id).where(FileRow.id == new.id)
            if await connection.scalar(known) is not None:
                return
            await self._check_number(connection, new.virtual_key_id)
            await self._check_room(connection, new.virtual_key_id, ROW_BYTES)
            await self.begin_in(connection, new, now, UNFINISHED_SECONDS)

    async def begin_in(
        self, connection: AsyncConnection, new: NewFile, now: float, seconds: float = 0.0
    ) -> None:
        """Store that a file is written, as a part of a transaction, whatever room there is.

        It is forgotten after so many seconds where it is not whole by then; 0: after as many as
        whole ones.
        """
        retention = min(
            new.retention_seconds or self._bounds.retention_seconds,
            self._bounds.retention_seconds,
        )
        row = {
            "id": new.id,
            "virtual_key_id": new.virtual_key_id,
            "filename": _storable(new.filename, MAX_NAME),
            "purpose": _storable(new.purpose, MAX_PURPOSE),
            "length": 0,
            "size": ROW_BYTES,
            "pieces": 0,
            "is_whole": False,
            "retention": _millis(retention),
            "created_at": _millis(now),
            "expires_at": _millis(now + (seconds or self._bounds.retention_seconds)),
        }
        await connection.execute(insert(FileRow).values(**row))

    async def append(
        self, owner: int, file_id: str, number: int, piece: tuple[bytes, int], now: float
    ) -> None:
        """Store a piece, sealed, and how many bytes of the file it has.

        FileNotFound if the owner has begun none of this id; StorageFull if there is no room for it.
        """
        async with guarded(SERVICE), self._writer.begin() as connection:
            mine = *_of(owner, file_id), FileRow.is_whole.is_(False), _is_kept(now)
            query = select(FileRow.pieces, FileRow.length).where(*mine).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                raise not_found(file_id)
            if number < row.pieces:
                # It came before, and whoever sent it did not hear so.
                return
            if number > row.pieces:
                raise InvalidRequest("The pieces of a file must come in order", field="number")
            self._check_length(row.length + piece[1])
            await self._check_room(connection, owner, len(piece[0]))
            await append_in(connection, file_id, number, piece)

    async def finish(self, owner: int, file_id: str, now: float) -> StoredFile:
        """Let a file be seen. FileNotFound if the owner has begun none of this id."""
        mine = *_of(owner, file_id), _is_kept(now)
        async with guarded(SERVICE), self._writer.begin() as connection:
            change = update(FileRow).where(*mine, FileRow.is_whole.is_(False))
            values = {"is_whole": True, "expires_at": FileRow.created_at + FileRow.retention}
            await connection.execute(change.values(**values))
            row = (await connection.execute(_select().where(*mine))).one_or_none()
        if row is None:
            raise not_found(file_id)
        return _file(row)

    async def file(self, owner: int, file_id: str, now: float) -> StoredFile:
        """Return a file. FileNotFound if the owner has none of this id."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            return await file_in(connection, owner, file_id, now)

    async def read(self, owner: int, file_id: str, number: int, now: float) -> Sequence[bytes]:
        """Return some pieces of a file from one on. FileNotFound as `file` does."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            await file_in(connection, owner, file_id, now)
            found, left = list[bytes](), READ_BYTES
            behind = PieceRow.file_id == file_id, PieceRow.number >= number
            query = select(PieceRow.content).where(*behind).order_by(PieceRow.number)
            async with connection.stream_scalars(query) as pieces:
                async for piece in pieces:
                    left -= len(piece)
                    if found and left < 0:
                        break
                    found.append(piece)
        return found

    async def files(
        self, owner: int, page: "FilePage", now: float
    ) -> tuple[Sequence[StoredFile], bool]:
        """Return a page of an owner's files, and whether there are more."""
        query = _select().where(FileRow.virtual_key_id == owner, *_WHOLE, _is_kept(now))
        if page.purpose:
            query = query.where(FileRow.purpose == page.purpose)
        if page.after:
            is_behind = FileRow.id > page.after if page.is_ascending else FileRow.id < page.after
            query = query.where(is_behind)
        order = FileRow.id.asc() if page.is_ascending else FileRow.id.desc()
        query = query.order_by(order).limit(page.limit + 1)
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = [_file(row) for row in (await connection.execute(query)).all()]
        return found[: page.limit], len(found) > page.limit

    async def is_full_in(self, connection: AsyncConnection, owner: int) -> bool:
        """Return whether there is no room for more of an owner's files."""
        try:
            await self._check_room(connection, owner, 0)
        except StorageFull:
            return True
        return False

    async def delete(self, owner: int, file_id: str) -> None:
        """Delete a file, whole or not. FileNotFound if the owner has none of this id."""
        if not await self._delete(FileRow.id == file_id, FileRow.virtual_key_id == owner):
            raise not_found(file_id)

    async def forget(self, now: float) -> None:
        """Delete some of the files that are kept no longer, whole or not."""
        old = FileRow.expires_at <= _millis(now)
        async with guarded(SERVICE), self._reader.connect() as connection:
            query = select(FileRow.id).where(old).limit(_AT_ONCE)
            expired = (await connection.execute(query)).scalars().all()
        for file_id in expired:
            # Each by itself, so that nobody waits long for a writer.
            await self._delete(FileRow.id == file_id, old)

    async def _delete(self, *which: ColumnElement[bool]) -> bool:
        """Delete one file with its pieces; return whether there was one."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            gone = await connection.scalar(delete(FileRow).where(*which).returning(FileRow.id))
            if gone is not None:
                await connection.execute(delete(PieceRow).where(PieceRow.file_id == gone))
        return gone is not None

    def _check_length(self, length: int) -> None:
        most = self._bounds.file_bytes
        if length > most:
            raise StorageFull(f"A file may have {most} bytes at most", limit_bytes=str(most))

    async def _check_number(self, connection: AsyncConnection, owner: int) -> None:
        query = select(func.count()).where(FileRow.virtual_key_id == owner)
        if (await connection.scalar(query) or 0) >= MAX_FILES:
            message = f"A virtual key can have {MAX_FILES} files; delete some first"
            raise StorageFull(message, limit_bytes=str(self._bounds.key_bytes))

    async def _check_room(self, connection: AsyncConnection, owner: int, size: int) -> None:
        mine = select(func.sum(FileRow.size)).where(FileRow.virtual_key_id == owner)
        for query, most, whose in (
            (mine, self._bounds.key_bytes, "The files of this virtual key"),
            (select(func.sum(FileRow.size)), self._bounds.all_bytes, "All files"),
        ):
            # PostgreSQL's sums of large numbers are decimals.
            taken = int(await connection.scalar(query) or 0)
            if taken + size > most:
                message = f"{whose} take {taken} of {most} bytes, which leaves no room"
                raise StorageFull(f"{message} for {size} more", limit_bytes=str(most))


class FilePage(NamedTuple):
    """The files of an owner that are listed."""

    after: str
    limit: int
    is_ascending: bool
    # Empty for any.
    purpose: str


async def file_in(connection: AsyncConnection, owner: int, file_id: str, now: float) -> StoredFile:
    """Return a file, as a part of a transaction. FileNotFound if the owner has none of this id."""
    query = _select().where(*_of(owner, file_id), *_WHOLE, _is_kept(now))
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise not_found(file_id)
    return _file(row)


async def append_in(
    connection: AsyncConnection, file_id: str, number: int, piece: tuple[bytes, int]
) -> None:
    """Store a piece and count it, as a part of a transaction."""
    content, length = piece
    row = {"file_id": file_id, "number": number, "content": content}
    await connection.execute(insert(PieceRow).values(**row))
    counted = {
        "pieces": number + 1,
        "length": FileRow.length + length,
        "size": FileRow.size + len(content),
    }
    await connection.execute(update(FileRow).where(FileRow.id == file_id).values(**counted))


async def finish_in(connection: AsyncConnection, file_id: str, now: float) -> None:
    """Let a file be seen that was written, from now on, as a part of a transaction."""
    values = {
        "is_whole": True,
        "created_at": _millis(now),
        "expires_at": _millis(now) + FileRow.retention,
    }
    await connection.execute(update(FileRow).where(FileRow.id == file_id).values(**values))


async def keep_until_in(connection: AsyncConnection, file_id: str, until: float) -> None:
    """Keep a file until a time at least, as a part of a transaction."""
    sooner = FileRow.id == file_id, FileRow.expires_at < _millis(until)
    values = {"expires_at": _millis(until)}
    await connection.execute(update(FileRow).where(*sooner).values(**values))


def not_found(file_id: str) -> FileNotFound:
    """Return the error of a file that its owner does not have."""
    return FileNotFound(f"There is no file {file_id}", file_id=file_id)


_WHOLE = (FileRow.is_whole.is_(True),)


def _select() -> Any:  # noqa: ANN401 # a query of many columns
    return select(*FileRow.__table__.columns)


def _of(owner: int, file_id: str) -> tuple[ColumnElement[bool], ...]:
    return FileRow.id == file_id, FileRow.virtual_key_id == owner


def _is_kept(now: float) -> ColumnElement[bool]:
    return FileRow.expires_at > _millis(now)


def _file(row: Row[Any]) -> StoredFile:
    """Return a file as callers see it."""
    return StoredFile(
        id=row.id,
        object="file",
        bytes=row.length,
        created_at=row.created_at // 1000,
        expires_at=row.expires_at // 1000,
        filename=row.filename,
        purpose=row.purpose,
        status="processed",
    )


def _storable(text: str, most: int) -> str:
    # PostgreSQL keeps no text with zeros.
    return text[:most].replace("\0", "\ufffd")


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
