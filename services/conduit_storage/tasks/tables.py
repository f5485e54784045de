"""The table of tasks. Times are milliseconds since 1970, UTC."""

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_storage.base import Base


class TaskRow(Base):
    """A task, and what it came to."""

    __tablename__ = "storage_tasks"
    __table_args__ = (
        Index("ix_storage_tasks_of_key", "virtual_key_id", "id"),
        # Has all that sums need, so that they read no results.
        Index("ix_storage_tasks_room", "virtual_key_id", "size"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    # Its owner.
    virtual_key_id: Mapped[int] = mapped_column(BigInteger)
    router_id: Mapped[str] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    status: Mapped[int] = mapped_column(SmallInteger)
    # About how many bytes it takes, its result included.
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    completed_at: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    # Until when its router must say that it still works on it; none once it has ended.
    leased_until: Mapped[int | None] = mapped_column(BigInteger, index=True)
    # All empty unless it failed.
    error_message: Mapped[str] = mapped_column(Text)
    error_type: Mapped[str] = mapped_column(Text)
    error_code: Mapped[str] = mapped_column(Text)
    result: Mapped[bytes | None] = mapped_column(LargeBinary)
