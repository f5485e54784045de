"""Health's tables. Times are milliseconds since 1970, UTC."""

from typing import ClassVar

from sqlalchemy import BigInteger, Boolean, Index, Integer, MetaData, SmallInteger, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Knows all tables."""

    metadata: ClassVar[MetaData] = MetaData()


class MomentRow(Base):
    """The state of an instance at a moment."""

    __tablename__ = "health_moments"
    __table_args__ = (Index("ix_health_moments_provider", "provider_id", "at"),)

    # SQLite counts up only what it calls INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    provider_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    status: Mapped[int] = mapped_column(SmallInteger)
    response_time_ms: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(Text)
    is_probe: Mapped[bool] = mapped_column(Boolean)
