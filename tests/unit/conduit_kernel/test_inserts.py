"""An insert is made in the words of its database."""

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from conduit_kernel.inserts import insert_into


class Base(DeclarativeBase):
    """A service's tables."""


class ThingRow(Base):
    """A row of a table."""

    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
def test_an_insert_knows_what_to_do_on_a_conflict(
    dialect: sqlite.dialect | postgresql.dialect,
) -> None:
    """On both databases."""
    statement = insert_into(dialect, ThingRow).values(id=1).on_conflict_do_nothing()
    assert str(statement.compile(dialect=dialect)).endswith("ON CONFLICT DO NOTHING")
