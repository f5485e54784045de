"""What all tables of Storage are declared with."""

from typing import ClassVar

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Knows all tables."""

    metadata: ClassVar[MetaData] = MetaData()
