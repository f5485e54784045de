"""The table of calls with an idempotency key."""

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_storage.base import Base


class IdempotentCallRow(Base):
    """A call that was made with an idempotency key."""

    __tablename__ = "storage_idempotent_calls"
    __table_args__ = (
        Index("ix_storage_idempotent_calls_room", "virtual_key_id", "size"),
        Index("ix_storage_idempotent_calls_expires_at", "expires_at"),
    )

    # The key's owner.
    virtual_key_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # SHA-256 of the key, and of what was asked.
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    # The call's id, made by its router.
    claim_id: Mapped[str] = mapped_column(Text)
    # Bytes that the row counts for.
    size: Mapped[int] = mapped_column(BigInteger)
    # Milliseconds since 1970, UTC.
    expires_at: Mapped[int] = mapped_column(BigInteger)
    # None once the call has ended.
    leased_until: Mapped[int | None] = mapped_column(BigInteger)
    # Sealed; None as long as the call is under way, and where there was no room for it.
    result: Mapped[bytes | None] = mapped_column(LargeBinary)
