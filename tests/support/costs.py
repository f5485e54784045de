"""How what something costs grows with what it is given."""

import time
from collections.abc import Callable

TRIES = 3


def growth(work: Callable[[int], object], size: int, times: int) -> float:
    """Return how much more processor time work of so many times a size takes: the least of some."""

    def seconds(of: int) -> float:
        began = time.process_time()
        work(of)
        return time.process_time() - began

    return min(seconds(size * times) / seconds(size) for _ in range(TRIES))
