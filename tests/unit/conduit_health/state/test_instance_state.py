"""Observations in, state out."""

import pytest

from conduit.v1.provider_health_pb2 import (
    HEALTH_FINDING_FAILED,
    HEALTH_FINDING_OK,
    HEALTH_FINDING_UNSPECIFIED,
    HEALTH_FINDING_WARNING,
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_DISABLED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HEALTH_STATUS_UNKNOWN,
    KEY_STATUS_ACTIVE,
    KEY_STATUS_RATE_LIMITED,
    HealthStatus,
    KeyRateLimits,
    RateLimit,
)
from conduit_health.publish.messages import moment
from conduit_health.state.instance_state import MAX_CALLERS, InstanceState
from conduit_health.state.observation import Classification, Observation, classify
from conduit_health.state.provider_config import CheckPolicy, InstanceConfig, KeyConfig
from conduit_kernel import errors

NOW = 1_795_435_200.0


def config(*keys: str, is_enabled: bool = True) -> InstanceConfig:
    """Return an instance with enabled keys and a mapped model."""
    return InstanceConfig(
        id=1,
        name="Main",
        provider_type="OpenAI",
        is_enabled=is_enabled,
        version=1,
        keys=tuple(KeyConfig(name, is_enabled=True, version=1, last_used=0) for name in keys),
        models=frozenset({"gpt-4"}),
    )


def seen(*classifications: Classification | Observation) -> InstanceState:
    """Return the state after observations with `key_1`, a second apart."""
    instance_state = InstanceState()
    for second, each in enumerate(classifications):
        observation = (
            each if isinstance(each, Observation) else Observation(NOW + second, each, "key_1")
        )
        instance_state.observe(observation)
    return instance_state


WORKS, FAILED, REFUSED = Classification.WORKS, Classification.FAILED, Classification.KEY_REFUSED


@pytest.mark.parametrize(
    ("classifications", "status"),
    [
        ([], HEALTH_STATUS_UNKNOWN),
        ([Classification.NOTHING], HEALTH_STATUS_UNKNOWN),
        ([WORKS], HEALTH_STATUS_HEALTHY),
        ([Classification.ANSWERED], HEALTH_STATUS_HEALTHY),
        ([Classification.NO_MODEL], HEALTH_STATUS_HEALTHY),
        ([WORKS, FAILED], HEALTH_STATUS_DEGRADED),
        ([FAILED, FAILED], HEALTH_STATUS_DEGRADED),
        ([FAILED, FAILED, FAILED], HEALTH_STATUS_UNHEALTHY),
        ([FAILED, FAILED, WORKS, FAILED], HEALTH_STATUS_DEGRADED),
        ([FAILED, FAILED, FAILED, WORKS], HEALTH_STATUS_HEALTHY),
        ([REFUSED], HEALTH_STATUS_UNHEALTHY),
        ([Classification.KEY_WITHOUT_FUNDS], HEALTH_STATUS_UNHEALTHY),
        ([Classification.KEY_LIMITED], HEALTH_STATUS_DEGRADED),
        ([REFUSED, WORKS], HEALTH_STATUS_HEALTHY),
    ],
)
def test_status_follows_from_what_was_seen(
    classifications: list[Classification], status: HealthStatus.ValueType
) -> None:
    """Three failures in a row make an instance unhealthy, and so does having no key it takes."""
    assert seen(*classifications).status(config("key_1"), NOW + 9) == status


def test_disabled_is_disabled_whatever_was_seen() -> None:
    """The operator's word goes before everything."""
    assert seen(WORKS).status(config("key_1", is_enabled=False), NOW) == HEALTH_STATUS_DISABLED


def test_one_refused_key_of_two_is_a_warning() -> None:
    """The instance still works with the other one."""
    instance_state = seen(REFUSED, Observation(NOW, WORKS, "key_2"))
    both = config("key_1", "key_2")
    assert instance_state.status(both, NOW) == HEALTH_STATUS_DEGRADED
    assert instance_state.details(both, NOW).authentication == HEALTH_FINDING_WARNING
    assert instance_state.details(config("key_1"), NOW).authentication == HEALTH_FINDING_FAILED
    assert instance_state.details(config("key_2"), NOW).authentication == HEALTH_FINDING_OK


def test_an_instance_that_fails_now_and_then_is_degraded_for_a_while() -> None:
    """One failure in ten among successes counts, until minutes have passed."""
    instance_state = InstanceState()
    for _ in range(4):
        instance_state.observe(Observation(NOW, FAILED, "key_1"))
        instance_state.observe(Observation(NOW, WORKS, "key_1", times=9))
    assert instance_state.status(config("key_1"), NOW) == HEALTH_STATUS_DEGRADED
    assert instance_state.status(config("key_1"), NOW + 600) == HEALTH_STATUS_HEALTHY


def test_a_rest_ends_when_the_limits_are_whole_again() -> None:
    """A key rests until its provider's own time, not until ours."""
    limits = KeyRateLimits(
        requests_per_minute=RateLimit(limit=10, remaining=0, resets_at=moment(NOW + 90))
    )
    instance_state = seen(Observation(NOW, Classification.KEY_LIMITED, "key_1", limits=limits))
    assert instance_state.keys["key_1"].status(NOW + 89) == KEY_STATUS_RATE_LIMITED
    assert instance_state.details(config("key_1"), NOW + 89).rate_limit == HEALTH_FINDING_FAILED
    assert instance_state.keys["key_1"].status(NOW + 90) == KEY_STATUS_ACTIVE


def test_no_provider_makes_a_key_rest_for_a_day() -> None:
    """A reset that is far away, by mistake or not, is not waited for longer than an hour."""
    limits = KeyRateLimits(
        requests_per_minute=RateLimit(remaining=0, resets_at=moment(NOW + 86_400))
    )
    instance_state = seen(Observation(NOW, Classification.KEY_LIMITED, "key_1", limits=limits))
    assert instance_state.keys["key_1"].status(NOW + 3601) == KEY_STATUS_ACTIVE


def test_little_left_of_a_limit_is_a_warning() -> None:
    """Less than a tenth of the requests left is worth a word before it is too late."""
    limits = KeyRateLimits(requests_per_minute=RateLimit(limit=1000, remaining=99))
    instance_state = seen(Observation(NOW, WORKS, "key_1", limits=limits))
    assert instance_state.details(config("key_1"), NOW).rate_limit == HEALTH_FINDING_WARNING


def test_models_are_unknown_until_listed() -> None:
    """A call says nothing of the other models; a list does, until a call finds one missing."""
    instance_state = seen(WORKS)
    assert instance_state.details(config(), NOW).model_availability == HEALTH_FINDING_UNSPECIFIED
    instance_state.list_models(["gpt-4"])
    assert instance_state.details(config(), NOW).model_availability == HEALTH_FINDING_OK
    instance_state.observe(Observation(NOW, Classification.NO_MODEL, "key_1"))
    assert instance_state.details(config(), NOW).model_availability == HEALTH_FINDING_WARNING


def test_an_instance_without_keys_is_judged_by_calls_without_any() -> None:
    """Providers on the operator's own machines often want no key."""
    instance_state = seen(Observation(NOW, WORKS, ""))
    assert instance_state.status(config(), NOW) == HEALTH_STATUS_HEALTHY


def test_every_failure_of_a_provider_has_a_verdict() -> None:
    """A new class of upstream error must be given a meaning here, too."""
    classes = [errors.UpstreamError]
    for cls in classes:
        assert classify(cls.reason) is not Classification.NOTHING
        classes += cls.__subclasses__()
    assert len(classes) > 10


def test_the_last_sign_is_the_latest_by_a_clock_that_may_be_set_back() -> None:
    """What is reported a little late hides no later one; what seems hours late is after that."""
    state = seen(
        Observation(NOW, WORKS, "key_1"),
        Observation(NOW - 60, WORKS, "key_1"),
    )
    assert state.last_check == NOW
    state.observe(Observation(NOW - 86_400, WORKS, "key_1"))
    assert state.last_check == NOW - 86_400


def failed(second: float, caller: int, times: int = 1) -> Observation:
    """Return failures of a virtual key's requests."""
    return Observation(NOW + second, FAILED, "key_1", times=times, caller=caller)


@pytest.mark.parametrize(
    ("failures", "is_avoided"),
    [
        ([failed(0, 1, 9)], False),
        ([failed(0, 1, 9), failed(1, 2, 2)], False),
        ([failed(0, 1, 9), failed(1, 2, 2), failed(2, 3)], True),
        ([failed(0, 0, 3)], True),
    ],
)
def test_what_one_caller_brings_about_turns_no_others_away(
    failures: list[Observation], *, is_avoided: bool
) -> None:
    """It is shown as unhealthy all the same; what nobody's request brings about counts whole."""
    instance_state = seen(*failures)
    assert instance_state.status(config("key_1"), NOW) == HEALTH_STATUS_UNHEALTHY
    assert instance_state.is_avoided(config("key_1")) is is_avoided


@pytest.mark.parametrize("last", [failed(1, 0, 60), failed(1, MAX_CALLERS + 9, 60)])
def test_no_failure_is_lost_however_many_callers_fail(last: Observation) -> None:
    """More of them than can be told apart have failures all the same, and so has nobody."""
    policy = CheckPolicy(failure_threshold=100)
    instance_state = seen(*(failed(0, caller) for caller in range(1, MAX_CALLERS + 1)))
    assert not instance_state.is_avoided(config("key_1")._replace(policy=policy))
    instance_state.observe(last)
    assert instance_state.is_avoided(config("key_1")._replace(policy=policy))


def test_an_instance_whose_keys_are_all_refused_is_avoided() -> None:
    """Until one is taken again."""
    assert seen(REFUSED).is_avoided(config("key_1"))
    assert not seen(REFUSED).is_avoided(config("key_1", "key_2"))
    assert not seen(REFUSED, WORKS).is_avoided(config("key_1"))


def test_an_older_success_ends_no_newer_row_of_failures() -> None:
    """Routers report each in its own time."""
    instance_state = seen(failed(5, 0, 3), Observation(NOW + 4, WORKS, "key_1"))
    assert instance_state.consecutive_failures == 3
    instance_state.observe(Observation(NOW + 6, WORKS, "key_1"))
    assert instance_state.consecutive_failures == 0


def test_a_clock_that_is_set_back_keeps_no_instance_unhealthy() -> None:
    """A success that seems hours older than the failures came after them."""
    instance_state = seen(failed(0, 0, 3), Observation(NOW - 86_400, WORKS, "key_1"))
    assert instance_state.consecutive_failures == 0
