"""What a view says of a model, an instance and a key together."""

from conduit_kernel.circuit import OpenCircuit
from conduit_router.routing.health_view import Asked, Cooldown, HealthView, Subject


def test_an_attempt_is_about_the_model_there_the_instance_and_the_key() -> None:
    """From the smallest; a type without keys has none to blame."""
    assert Asked(1, "gpt", "key_1", 7, 0.0).subjects == (
        Subject(1, "gpt"),
        Subject(1),
        Subject(1, "", "key_1"),
    )
    assert Asked(1, "gpt", "", 7, 0.0).subjects == (Subject(1, "gpt"), Subject(1))


def test_of_two_open_circuits_the_longer_counts() -> None:
    """Both must let a call through."""
    both = {Subject(1): OpenCircuit(9.0, 3.0), Subject(1, "gpt"): OpenCircuit(5.0, 4.0)}
    view = HealthView(both)
    assert view.circuit(1, "gpt") == OpenCircuit(9.0, 4.0)
    assert view.circuit(1, "other") == OpenCircuit(9.0, 3.0)
    assert view.circuit(2, "gpt") is None


def test_of_two_rests_the_longer_counts() -> None:
    """That of the key for all models, or for this one."""
    rests = {
        Subject(1, "", "key_1"): Cooldown(5.0, "key"),
        Subject(1, "gpt", "key_1"): Cooldown(9.0, "model"),
    }
    view = HealthView(cooldowns=rests)
    found = [view.cooldown(1, model, "key_1") for model in ("gpt", "other")]
    assert [each and each.message for each in found] == ["model", "key"]
    assert view.cooldown(2, "gpt", "key_1") is None


def test_of_two_shares_the_smaller_counts() -> None:
    """Traffic comes back no sooner than both allow."""
    view = HealthView(returning={Subject(1): 0.5, Subject(1, "gpt"): 0.2})
    assert (view.share(1, "gpt"), view.share(1, "other"), view.share(2, "gpt")) == (0.2, 0.5, 1.0)
