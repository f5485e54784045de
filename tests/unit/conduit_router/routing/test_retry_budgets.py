"""The budget of retries."""

from conduit_router.routing.retry_budgets import (
    REFILL_SECONDS,
    RETRY_RESERVE,
    RETRY_SHARE,
    RetryBudgets,
)


def test_a_few_retries_are_there_in_any_case_and_no_more() -> None:
    """An instance that never answers is asked again no oftener than that in a minute."""
    budgets = RetryBudgets()
    taken = [budgets.take(1, 1, 0.0) for _ in range(int(RETRY_RESERVE) + 2)]
    assert taken == [True] * int(RETRY_RESERVE) + [False] * 2
    assert budgets.take(2, 1, 0.0)
    budgets.refill(REFILL_SECONDS - 1)
    assert not budgets.take(1, 1, REFILL_SECONDS - 1)
    budgets.refill(REFILL_SECONDS)
    assert not budgets
    assert budgets.take(1, 1, REFILL_SECONDS)


def test_answers_earn_a_share() -> None:
    """One retry for five answers, and never more than the reserve."""
    budgets = RetryBudgets()
    while budgets.take(1, 1, 0.0):
        pass
    for _ in range(round(1 / RETRY_SHARE)):
        budgets.earn(1, 1)
    assert [budgets.take(1, 1, 0.0), budgets.take(1, 1, 0.0)] == [True, False]


def test_nobody_uses_up_the_retries_of_another() -> None:
    """Nor does anybody earn retries for another."""
    budgets = RetryBudgets()
    while budgets.take(1, 1, 0.0):
        pass
    assert budgets.take(1, 2, 0.0)
    for _ in range(round(1 / RETRY_SHARE)):
        budgets.earn(1, 2)
    assert not budgets.take(1, 1, 0.0)


def test_a_full_budget_is_not_remembered() -> None:
    """So that calls need not look at it."""
    budgets = RetryBudgets()
    assert budgets.take(1, 1, 0.0)
    assert budgets
    for _ in range(6):
        budgets.earn(1, 1)
    assert not budgets
