"""The table of reminders."""

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from conduit_health.history.tables import Base


class ReminderRow(Base):
    """A reminder that was posted."""

    __tablename__ = "reminders"

    # The id of what is due, with its kind: `key_3`, `mapping_7`.
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    # Seconds since 1970. Of another one, after a rotation or with a new policy, is reminded anew.
    due_at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    days_left: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
