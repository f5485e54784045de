"""Counts by name that keep no names of which there are none left."""

from collections import Counter
from typing import TypeVar

NameT = TypeVar("NameT")


def decrement(counter: Counter[NameT], name: NameT) -> None:
    """Count one less of a name, and forget the name with its last one."""
    counter[name] -= 1
    if counter[name] <= 0:
        del counter[name]
