"""When a second candidate is asked, and for how many calls."""

import msgspec
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit_router.routing.hedges import KEPT_ANSWERS, LEAST_ANSWERS, RESERVE, Hedges
from conduit_router.routing.policy import Hedging
from conduit_router.routing.table import EMPTY_TABLE, TableChange

LEARNT = Hedging()
HERE = 1, "m"


def test_a_delay_that_is_set_is_the_delay() -> None:
    """Whatever was measured."""
    hedges = Hedges()
    for _ in range(KEPT_ANSWERS):
        hedges.note(HERE, 9.0)
    assert hedges.delay(Hedging(delay=0.5), HERE) == 0.5


def test_a_learnt_delay_is_what_most_answers_took_of_late() -> None:
    """It is unknown until enough are known, each place has its own, and old ones are forgotten."""
    hedges = Hedges()
    for number in range(LEAST_ANSWERS):
        assert hedges.delay(LEARNT, HERE) is None
        hedges.note(HERE, float(number))
    assert hedges.delay(LEARNT, HERE) == LEAST_ANSWERS * 0.95
    assert hedges.delay(LEARNT, (1, "other")) is None
    for _ in range(KEPT_ANSWERS):
        hedges.note(HERE, 0.25)
    assert hedges.delay(LEARNT, HERE) == 0.25


def test_hedges_are_a_share_and_a_few() -> None:
    """Each alias has its own, and what is not used does not pile up."""
    hedges = Hedges()
    assert [hedges.take(["a"]) for _ in range(int(RESERVE) + 1)] == [True] * int(RESERVE) + [False]
    assert hedges.take(["b"])
    taken = 0
    for _ in range(100):
        hedges.earn({"a": 0.125})
        taken += hedges.take(["a"])
    assert taken == 12
    for _ in range(1000):
        hedges.earn({"a": 1.0})
    assert sum(hedges.take(["a"]) for _ in range(100)) == RESERVE


def test_a_hedge_is_one_of_every_budget() -> None:
    """Where one of them has none left, none of the others loses one."""
    hedges = Hedges()
    for _ in range(int(RESERVE)):
        assert hedges.take(["a", 1])
    hedges.earn({"a": 1.0, 1: 0.5})
    assert not hedges.take(["a", 1])
    hedges.earn({1: 0.5})
    assert hedges.take(["a", 1])
    assert hedges.take(["b", 2])


def test_what_is_no_more_is_forgotten() -> None:
    """Aliases, virtual keys and instances that a new table does not have."""
    hedges = Hedges()
    table = msgspec.structs.replace(compiled(snapshot([provider(1)])), hashes={1: b""})
    for _ in range(LEAST_ANSWERS):
        hedges.note(HERE, 1.0)
        hedges.take([ALIAS])
        hedges.take([1])
    same = TableChange(table, table, frozenset({1}), frozenset({ALIAS}))
    hedges.apply(same)
    assert hedges.delay(LEARNT, HERE) == 1.0
    assert not hedges.take([ALIAS])
    assert not hedges.take([1])
    hedges.apply(TableChange(table, EMPTY_TABLE, frozenset({1}), frozenset({ALIAS})))
    assert hedges.delay(LEARNT, HERE) is None
    assert hedges.take([ALIAS])
    assert hedges.take([1])
