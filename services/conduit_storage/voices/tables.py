"""The tables of voices and of consents to them."""

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_storage.base import Base


class VoiceRow(Base):
    """A voice that a caller has made."""

    __tablename__ = "storage_voices"
    __table_args__ = (Index("ix_storage_voices_of_key", "virtual_key_id", "id"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    # Its owner.
    virtual_key_id: Mapped[int] = mapped_column(BigInteger)
    # Where it was made: the instance, and the account group of the key.
    provider_id: Mapped[int] = mapped_column(BigInteger)
    account_group: Mapped[str] = mapped_column(Text)
    # The provider's own id.
    upstream_id: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    # Seconds since 1970, UTC.
    created_at: Mapped[int] = mapped_column(BigInteger)
    # None as long as there is such a voice.
    deleted_at: Mapped[int | None] = mapped_column(BigInteger, index=True)


class ConsentRow(Base):
    """A consent that a caller has stored at a provider."""

    __tablename__ = "storage_voice_consents"
    __table_args__ = (Index("ix_storage_voice_consents_of_key", "virtual_key_id", "id"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    # Its owner.
    virtual_key_id: Mapped[int] = mapped_column(BigInteger)
    # Where it is: the instance, and the account group of the key.
    provider_id: Mapped[int] = mapped_column(BigInteger)
    account_group: Mapped[str] = mapped_column(Text)
    # The provider's own id.
    upstream_id: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    # Seconds since 1970, UTC.
    created_at: Mapped[int] = mapped_column(BigInteger)
