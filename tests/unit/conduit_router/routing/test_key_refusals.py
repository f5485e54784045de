"""How long a refused key rests: for a moment, until a free check says who is to blame."""

from tests.support.outages import ask

from conduit_kernel.errors import InsufficientFunds, InvalidApiKey
from conduit_router.routing.health_view import Subject
from conduit_router.routing.key_refusals import (
    MODEL_SECONDS,
    MODEL_WITHOUT_FUNDS_SECONDS,
    REFUSED_SECONDS,
    TAKEN_SECONDS,
    UNCONFIRMED_SECONDS,
    KeyCheck,
    KeyRefusals,
)

KEY, MODEL_OF_KEY = Subject(1, "", "key_1"), Subject(1, "gpt", "key_1")
INVALID = InvalidApiKey.reason


def check(began: float, reason: str = "") -> KeyCheck:
    """Return what a free request showed of the key."""
    return KeyCheck(1, "key_1", began, reason)


def test_the_first_refusal_makes_a_key_rest_for_a_moment_only() -> None:
    """Requests that were under way already make it no longer."""
    refusals = KeyRefusals()
    assert refusals.refused(ask(), INVALID, 100.0) == (KEY, UNCONFIRMED_SECONDS)
    for _ in range(20):
        assert refusals.refused(ask(), INVALID, 104.0) == (KEY, UNCONFIRMED_SECONDS - 4)


def test_a_key_that_nobody_checks_rests_longer_each_time() -> None:
    """Up to as long as one that is known to be refused; after a time without, anew."""
    refusals, now, rests = KeyRefusals(), 100.0, []
    for _ in range(7):
        rests.append(refusals.refused(ask(), INVALID, now)[1])
        now += rests[-1] + 1
    assert rests == [10, 20, 40, 80, 160, REFUSED_SECONDS, REFUSED_SECONDS]
    now += REFUSED_SECONDS
    assert refusals.refused(ask(), INVALID, now) == (KEY, UNCONFIRMED_SECONDS)


def test_a_refusal_behind_a_good_check_is_about_the_model() -> None:
    """The key was taken a moment ago; later, that is no evidence any more."""
    refusals = KeyRefusals()
    assert refusals.take(check(100.0))
    assert refusals.refused(ask(), INVALID, 101.0) == (MODEL_OF_KEY, MODEL_SECONDS)
    without_funds = refusals.refused(ask(), InsufficientFunds.reason, 101.0)
    assert without_funds == (MODEL_OF_KEY, MODEL_WITHOUT_FUNDS_SECONDS)
    assert refusals.refused(ask(), INVALID, 100.0 + TAKEN_SECONDS) == (KEY, UNCONFIRMED_SECONDS)


def test_a_check_is_taken_once_and_no_older_one_after_it() -> None:
    """Health repeats what it found with each message."""
    refusals = KeyRefusals()
    assert refusals.take(check(100.0, INVALID))
    assert not refusals.take(check(100.0, INVALID))
    assert not refusals.take(check(99.0))
    assert refusals.refused(ask(), INVALID, 101.0)[0] == KEY
    assert refusals.take(check(102.0))


def test_a_change_of_an_operators_voids_the_checks_before_it() -> None:
    """They were of another value; other keys are as they were."""
    refusals = KeyRefusals()
    refusals.take(check(100.0))
    refusals.take(KeyCheck(2, "key_2", 100.0))
    refusals.forget({9}, {"key_1"}, 105.0)
    assert not refusals.take(check(104.0, INVALID))
    assert refusals.refused(ask(), INVALID, 106.0)[0] == KEY
    assert refusals.refused(ask(2, key_id="key_2"), INVALID, 106.0)[0].model == "gpt"
    assert refusals.take(check(107.0))
