"""The tables of the request log. Points in time are nanoseconds since 1970, UTC."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from conduit_storage.base import Base

# Sorted by their bytes on both databases, as pages compare them.
Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
# SQLite numbers its rows where the type is this one.
Number = BigInteger().with_variant(Integer(), "sqlite")


class KindRow(Base):
    """A kind of request: all that many of them have in common."""

    __tablename__ = "storage_request_kinds"

    # A digest of all the others.
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    virtual_key_id: Mapped[int] = mapped_column(BigInteger)
    group_id: Mapped[int] = mapped_column(BigInteger)
    # Those of the virtual key, each between two line ends.
    key_tags: Mapped[str] = mapped_column(Text)
    model_alias: Mapped[str] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)
    is_streamed: Mapped[bool] = mapped_column(Boolean)
    provider_id: Mapped[int] = mapped_column(BigInteger)
    provider_name: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(Text)
    actual_model_name: Mapped[str] = mapped_column(Text)
    status: Mapped[int] = mapped_column(SmallInteger)
    code: Mapped[str] = mapped_column(Text)
    http_status: Mapped[int] = mapped_column(Integer)
    # When a request of the kind was last stored.
    seen_at: Mapped[int] = mapped_column(BigInteger)


class RequestRow(Base):
    """A request that has ended."""

    __tablename__ = "storage_requests"
    __table_args__ = (
        Index("ux_storage_requests_id", "id", "ended_at", unique=True),
        Index("ix_storage_requests_ended_at", "ended_at"),
        Index("ix_storage_requests_kind", "kind_id", "ended_at"),
    )

    # Grows with each row, so that what is over the bound is known without counting.
    number: Mapped[int] = mapped_column(Number, Identity(), primary_key=True)
    id: Mapped[str] = mapped_column(Name)
    ended_at: Mapped[int] = mapped_column(BigInteger)
    kind_id: Mapped[int] = mapped_column(BigInteger)
    # In microseconds, as all that lasts.
    duration: Mapped[int] = mapped_column(BigInteger)
    # Of the answer, or its first event; 0 where it never was.
    first_event: Mapped[int] = mapped_column(BigInteger)
    pause: Mapped[int] = mapped_column(BigInteger)
    attempt_duration: Mapped[int] = mapped_column(BigInteger)
    # In nano-dollars; none where it is unknown.
    cost: Mapped[int | None] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(Integer)
    fallbacks: Mapped[int] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(BigInteger)
    upstream_request_id: Mapped[str] = mapped_column(Text)
    # Its own tags, each between two line ends.
    tags: Mapped[str] = mapped_column(Text)
    # A RequestRecord of the attempts that did not go as usual; empty for none.
    rest: Mapped[bytes] = mapped_column(LargeBinary)


class BlockRow(Base):
    """Requests of one kind that went as usual, within a minute; their ids sort by time."""

    __tablename__ = "storage_request_blocks"
    __table_args__ = (
        Index("ix_storage_request_blocks_newest", "newest", "kind_id", "count"),
        Index("ix_storage_request_blocks_ids", "first_id", "last_id"),
    )

    # A digest of all the others, so that a block that is stored again is known.
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # When the last and the first of them ended.
    newest: Mapped[int] = mapped_column(BigInteger)
    oldest: Mapped[int] = mapped_column(BigInteger)
    kind_id: Mapped[int] = mapped_column(BigInteger)
    # How many they are.
    count: Mapped[int] = mapped_column(Integer)
    # The least and the greatest of their ids.
    first_id: Mapped[str] = mapped_column(Name)
    last_id: Mapped[str] = mapped_column(Name)
    revision: Mapped[int] = mapped_column(BigInteger)
    # As the contract's RequestBlock has them.
    sizes: Mapped[bytes] = mapped_column(LargeBinary)
    facts: Mapped[bytes] = mapped_column(LargeBinary)
