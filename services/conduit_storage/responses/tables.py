"""The table of responses. Times are milliseconds since 1970, UTC."""

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_storage.base import Base


class ResponseRow(Base):
    """A response that its owner can go on from."""

    __tablename__ = "storage_responses"
    __table_args__ = (
        # Has all that sums need, so that they read no contents.
        Index("ix_storage_responses_room", "virtual_key_id", "created_at", "size"),
        Index("ix_storage_responses_expires_at", "expires_at"),
    )

    # Its owner.
    virtual_key_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    # The one that it goes on from; empty for none.
    previous_id: Mapped[str] = mapped_column(Text)
    provider_id: Mapped[int] = mapped_column(BigInteger)
    key_id: Mapped[str] = mapped_column(Text)
    account_group: Mapped[str] = mapped_column(Text)
    # Bytes that the row counts for.
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    # Sealed; empty where the provider keeps it.
    content: Mapped[bytes] = mapped_column(LargeBinary)
