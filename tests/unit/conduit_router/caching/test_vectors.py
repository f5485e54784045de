"""Vectors of texts, and how near they are."""

import math
import random

import pytest

from conduit_router.caching.vectors import MOST_DIMENSIONS, distance, similarity, vector_of


@pytest.mark.parametrize(
    "numbers",
    [[], [0.0, 0.0], [math.nan, 1.0], [math.inf], [1e308] * 9, [1.0] * (MOST_DIMENSIONS + 1)],
)
def test_what_has_no_direction_is_no_vector(numbers: list[float]) -> None:
    """Whatever a provider may answer."""
    assert vector_of(numbers) is None


def test_a_similarity_is_that_of_directions() -> None:
    """Lengths do not matter; what is of another space is not near."""
    one, same, across, against = map(vector_of, ([1.0, 1.0], [9.0, 9.0], [1.0, -1.0], [-1.0, -1.0]))
    other = vector_of([1.0])
    assert one is not None
    assert same is not None
    assert across is not None
    assert against is not None
    assert other is not None
    found = [similarity(one, each) for each in (same, across, against, other)]
    assert found == pytest.approx([1.0, 0.0, -1.0, 0.0], abs=1e-6)
    assert [distance(one, each) for each in (same, across, against)] == [0, 1, 2]


def test_signs_find_what_is_nearest() -> None:
    """Of a thousand vectors, also where all of them lean the same way, as models' do."""
    chance = random.Random(7)  # noqa: S311 # the same each time
    lean = [chance.gauss(0, 0.7) for _ in range(256)]

    def drawn() -> list[float]:
        return [each + chance.gauss(0, 1) for each in lean]

    questions = [drawn() for _ in range(1000)]
    rows = [each for each in map(vector_of, questions) if each is not None]
    for at in range(0, 1000, 50):
        near = vector_of([each + chance.gauss(0, 0.3) for each in questions[at]])
        assert near is not None
        closest = sorted(rows, key=lambda row: distance(row, near))[:16]
        assert rows[at] in closest
        assert max(closest, key=lambda row: similarity(row, near)) is rows[at]
