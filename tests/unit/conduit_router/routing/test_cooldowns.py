"""What rests, and for how long."""

from conduit_router.routing.cooldowns import MODELS_OF_A_KEY, Cooldowns
from conduit_router.routing.health_view import Cooldown, Subject


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
