"""Inserts as both databases know them."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase

Insert = postgresql.Insert | sqlite.Insert


def insert_into(dialect: Dialect, table: type[DeclarativeBase]) -> Insert:
    """Return an insert that knows `on_conflict_do_...`."""
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
