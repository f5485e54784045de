"""What rests, and for how long."""

from conduit_router.routing.cooldowns import MODELS_OF_A_KEY, Cooldowns
from conduit_router.routing.health_view import Cooldown, Subject
from conduit_router.routing.key_refusals import KeyCheck


def limited(until: float) -> Cooldown:
    """Return the rest of what was asked to slow down."""
    return Cooldown(until, "slow down")


def test_a_model_of_a_key_rests_alone() -> None:
    """Providers count limits by model."""
    cooldowns = Cooldowns()
    cooldowns.add(Subject(1, "gpt", "key_1"), limited(10.0))
    assert list(cooldowns.current(5.0)) == [Subject(1, "gpt", "key_1")]
    assert not cooldowns.current(10.0)
    assert not cooldowns


def test_a_failure_that_was_under_way_shortens_no_rest() -> None:
    """As at BerriAI/litellm 40130 it should prolong one; another reason is news, and counts."""
    cooldowns, subject = Cooldowns(), Subject(1, "gpt", "key_1")
    for until, expected in ((3_600.0, 3_600.0), (5.0, 3_600.0), (4_000.0, 4_000.0)):
        cooldowns.add(subject, limited(until))
        assert cooldowns.current(1.0)[subject].until == expected
    gone = Cooldown(60.0, "no access", "PROVIDER_MODEL_NOT_FOUND")
    cooldowns.add(subject, gone)
    assert cooldowns.current(1.0) == {subject: gone}


def test_a_key_of_which_several_models_rest_rests_until_the_first_is_back() -> None:
    """The limit is then the account's; what other keys and instances rest for counts not."""
    cooldowns = Cooldowns()
    cooldowns.add(Subject(1, "gpt", "key_2"), limited(90.0))
    cooldowns.add(Subject(2, "gpt", "key_1"), limited(90.0))
    for number in range(1, MODELS_OF_A_KEY):
        cooldowns.add(Subject(1, f"m{number}", "key_1"), limited(10.0 + number))
    assert Subject(1, "", "key_1") not in cooldowns.current(0.0)
    cooldowns.add(Subject(1, "last", "key_1"), limited(50.0))
    assert cooldowns.current(0.0)[Subject(1, "", "key_1")].until == 11.0


def test_models_that_a_key_may_not_use_say_nothing_of_the_key() -> None:
    """However many they are."""
    cooldowns = Cooldowns()
    for number in range(MODELS_OF_A_KEY + 1):
        rest = Cooldown(9.0, "no access", "PROVIDER_MODEL_NOT_FOUND")
        cooldowns.add(Subject(1, f"m{number}", "key_1"), rest)
    assert Subject(1, "", "key_1") not in cooldowns.current(0.0)


def test_an_operators_change_ends_the_rests_of_what_it_is_about() -> None:
    """Of a key, or of a whole instance."""
    cooldowns = Cooldowns()
    for subject in (Subject(1, "gpt"), Subject(2, "gpt", "key_2"), Subject(3, "", "key_3")):
        cooldowns.add(subject, limited(9.0))
    cooldowns.forget(frozenset({1}), frozenset({"key_2"}))
    assert list(cooldowns.current(0.0)) == [Subject(3, "", "key_3")]


def refused(since: float, reason: str = "INVALID_API_KEY") -> Cooldown:
    """Return the rest of a key that was refused."""
    return Cooldown(since + 300.0, "refused", reason, since, "gpt")


def test_a_check_ends_the_older_rests_of_a_key_that_was_refused() -> None:
    """It says nothing of limits, of models, of other keys, or of what was met later."""
    cooldowns = Cooldowns()
    rests = {
        Subject(1, "", "key_1"): refused(10.0, "INSUFFICIENT_FUNDS"),
        Subject(1, "", "key_2"): refused(10.0),
        Subject(1, "gpt", "key_1"): refused(10.0),
        Subject(1, "", "key_3"): Cooldown(300.0, "slow down"),
    }
    for subject, rest in rests.items():
        cooldowns.add(subject, rest)
    assert cooldowns.end(KeyCheck(1, "key_1", 10.0)) == []
    assert cooldowns.end(KeyCheck(1, "key_3", 11.0)) == []
    assert cooldowns.end(KeyCheck(1, "key_1", 11.0)) == [rests[Subject(1, "", "key_1")]]
    assert set(cooldowns.current(0.0)) == rests.keys() - {Subject(1, "", "key_1")}


def test_a_test_ends_all_older_rests_that_have_to_do_with_the_key() -> None:
    """An operator wants to see it used; other keys' limits are their own."""
    cooldowns = Cooldowns()
    for key_id, model in (("key_1", ""), ("key_1", "gpt"), ("", "gpt"), ("key_2", "gpt")):
        cooldowns.add(Subject(1, model, key_id), Cooldown(99.0, "slow down", since=5.0))
    cooldowns.add(Subject(1, "late", "key_1"), Cooldown(99.0, "slow down", since=6.0))
    cooldowns.end(KeyCheck(1, "key_1", 6.0, is_test=True))
    left = {Subject(1, "gpt", "key_2"), Subject(1, "late", "key_1")}
    assert set(cooldowns.current(0.0)) == left


def test_a_key_of_which_several_models_are_refused_rests() -> None:
    """Though free requests pass: without funds they do."""
    cooldowns = Cooldowns()
    for number in range(MODELS_OF_A_KEY):
        cooldowns.add(Subject(1, f"m{number}", "key_1"), refused(1.0, "INSUFFICIENT_FUNDS"))
    assert cooldowns.current(0.0)[Subject(1, "", "key_1")].reason == "INSUFFICIENT_FUNDS"


def test_what_rests_is_a_value() -> None:
    """A decision that was made by it is made again by it, whatever has come to rest since."""
    cooldowns = Cooldowns()
    cooldowns.add(Subject(1, "gpt", "key_1"), limited(10.0))
    seen = cooldowns.current(5.0)
    cooldowns.add(Subject(2, "gpt", "key_2"), limited(10.0))
    assert list(seen) == [Subject(1, "gpt", "key_1")]
    both = cooldowns.current(5.0)
    assert len(both) == 2
    cooldowns.end(KeyCheck(1, "key_1", 6.0, is_test=True))
    assert (len(both), len(cooldowns.current(5.0))) == (2, 1)
