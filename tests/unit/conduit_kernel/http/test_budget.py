"""How many connections all pools together may have, and who makes room."""

from math import inf

from conduit_kernel.http.budget import ConnectionBudget


class Pool:
    """Keeps spare connections, known by the time at which each would end."""

    def __init__(self, budget: ConnectionBudget, *deadlines: float) -> None:
        self.spare = list(deadlines)
        budget.join(self)

    @property
    def oldest_deadline(self) -> float:
        """Return the first of them."""
        return min(self.spare, default=inf)

    def drop_oldest(self) -> None:
        """Give the first of them up."""
        self.spare.remove(self.oldest_deadline)


def test_no_more_than_so_many_are_counted_in() -> None:
    """One counted out makes room for exactly one."""
    budget = ConnectionBudget(2)
    assert [budget.acquire() for _ in range(3)] == [True, True, False]
    budget.release()
    assert [budget.acquire() for _ in range(2)] == [True, False]


def test_a_budget_of_nothing_admits_nobody() -> None:
    """There is no spare connection to drop."""
    assert not ConnectionBudget(0).acquire()


def test_the_spare_connection_used_longest_ago_makes_room() -> None:
    """Of all pools, one for each connection; a pool without any is passed over."""
    budget = ConnectionBudget(3)
    for _ in range(3):
        budget.acquire()
    empty, early, late = Pool(budget), Pool(budget, 1.0, 5.0), Pool(budget, 3.0)
    assert budget.acquire()
    assert (early.spare, late.spare) == ([5.0], [3.0])
    assert budget.acquire()
    assert (early.spare, late.spare) == ([5.0], [])
    assert budget.acquire()
    assert not budget.acquire()
    assert empty.spare == early.spare == late.spare == []


def test_dropped_connections_count_until_they_are_closed() -> None:
    """So at most as many as may be are open once those have gone."""
    budget = ConnectionBudget(1)
    budget.acquire()
    Pool(budget, 1.0)
    assert budget.acquire()
    budget.release()
    assert not budget.acquire()
    budget.release()
    assert budget.acquire()
