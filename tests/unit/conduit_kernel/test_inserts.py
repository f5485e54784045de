"""An insert is made in the words of its database."""

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from conduit_kernel.inserts import insert_into


class Base(DeclarativeBase):
    """A service's tables."""


class ThingRow(Base):
    """A row of a table."""

    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+asyncpg://"])
def test_an_insert_knows_what_to_do_on_a_conflict(url: str) -> None:
    """On both databases."""
    dialect = make_url(url).get_dialect()()
    statement = insert_into(dialect, ThingRow).values(id=1).on_conflict_do_nothing()
    assert str(statement.compile(dialect=dialect)).endswith("ON CONFLICT DO NOTHING")
