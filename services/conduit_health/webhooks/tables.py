"""The tables of webhooks. Times are milliseconds since 1970, UTC."""

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_health.history.tables import Base
from conduit_kernel.audit.outbox import outbox_table

# SQLite counts up only what it calls INTEGER.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class WebhookRow(Base):
    """A URL that notifications are sent to."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    # Numbers of kinds, parted by commas; empty for all.
    kinds: Mapped[str] = mapped_column(Text)
    is_enabled: Mapped[bool] = mapped_column(Boolean)
    # A SealedSecret.
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)


class DeliveryRow(Base):
    """A notification on its way to a webhook, or what became of it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook", "webhook_id", "id"),
        Index("ix_webhook_deliveries_due", "status", "due_at"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(BigInteger)
    notification_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    attempts: Mapped[int] = mapped_column(Integer)
    # Of the last attempt; 0 without an answer.
    http_status: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(BigInteger)
    # Of the last attempt; 0 before it.
    attempted_at: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[int] = mapped_column(BigInteger)


# What was done to webhooks, until it is in the audit log.
AUDIT_OUTBOX = outbox_table(Base.metadata, "health")
