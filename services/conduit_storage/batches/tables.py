"""The table of batches. Times are milliseconds since 1970, UTC."""

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_storage.base import Base


class BatchRow(Base):
    """A batch, and who works on it."""

    __tablename__ = "storage_batches"
    __table_args__ = (Index("ix_storage_batches_of_key", "virtual_key_id", "id"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    # Its owner.
    virtual_key_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[int] = mapped_column(SmallInteger)
    # Who works on it; empty for nobody.
    router_id: Mapped[str] = mapped_column(Text)
    # Until when its router must say that it does; 0 where nobody does, none once it has ended.
    leased_until: Mapped[int | None] = mapped_column(BigInteger, index=True)
    # Until when it is kept; none as long as it has not ended.
    forget_at: Mapped[int | None] = mapped_column(BigInteger, index=True)
    # All else, a KeptBatch.
    content: Mapped[bytes] = mapped_column(LargeBinary)
