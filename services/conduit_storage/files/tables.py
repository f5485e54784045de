"""The tables of files. Times are milliseconds since 1970, UTC."""

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_storage.base import Base


class FileRow(Base):
    """A file, less its pieces."""

    __tablename__ = "storage_files"
    __table_args__ = (
        Index("ix_storage_files_of_key", "virtual_key_id", "id"),
        # Has all that sums need.
        Index("ix_storage_files_room", "virtual_key_id", "size"),
        Index("ix_storage_files_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    # Its owner.
    virtual_key_id: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    # Its length; how many bytes it counts for; how many pieces it has.
    length: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    pieces: Mapped[int] = mapped_column(Integer)
    # Whether it may be seen.
    is_whole: Mapped[bool] = mapped_column(Boolean)
    # For how long it is kept once it is whole.
    retention: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class PieceRow(Base):
    """A piece of a file."""

    __tablename__ = "storage_file_pieces"

    file_id: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    # Sealed.
    content: Mapped[bytes] = mapped_column(LargeBinary)
