"""Vectors of texts: of unit length, so that a product of two is their similarity."""

import math
from array import array
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

# More than any model documents that we know of; what is longer is no vector.
MOST_DIMENSIONS = 8192


class Vector(NamedTuple):
    """A vector of length 1, and the signs of its numbers as bits."""

    numbers: "array[float]"
    signs: int

    @property
    def size(self) -> int:
        """Return the bytes that it takes, about."""
        return self.numbers.itemsize * len(self.numbers) + len(self.numbers) // 8


def vector_of(numbers: Sequence[float]) -> Vector | None:
    """Return a vector in the direction of numbers; None if they have none."""
    if not 0 < len(numbers) <= MOST_DIMENSIONS:
        return None
    length = math.hypot(*numbers)
    if not math.isfinite(length) or not length:
        return None
    bits = "".join(["1" if each > 0 else "0" for each in numbers])
    return Vector(array("f", [each / length for each in numbers]), int(bits, 2))


def similarity(one: Vector, other: Vector) -> float:
    """Return the cosine of the angle between two vectors; 0 for such of two spaces."""
    if len(one.numbers) != len(other.numbers):
        return 0.0
    return math.fsum(map(mul, one.numbers, other.numbers))


def distance(one: Vector, other: Vector) -> int:
    """Return how many signs of two vectors differ: their angle, about, in less time."""
    return (one.signs ^ other.signs).bit_count()
