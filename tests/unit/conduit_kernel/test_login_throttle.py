"""Whoever guesses is slowed down, and nobody else."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from conduit_kernel.auth_errors import LoginThrottled
from conduit_kernel.login_throttle import (
    FORGET_SECONDS,
    FREE_REFUSALS,
    MAX_ADDRESSES,
    MAX_PAUSE_SECONDS,
    REPEATS_PER_GUESS,
    LoginThrottle,
)

GUESSER = "203.0.113.7"


class Bench:
    """A throttle, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._guessed = 0
        self.throttle = LoginThrottle(lambda: self.now)

    def guess(self, times: int, address: str = GUESSER) -> None:
        """Show wrong keys, each another one, as many as are looked at."""
        for _ in range(times):
            self._guessed += 1
            self.throttle.note_refusal(address, f"guess-{self._guessed}")

    def pause(self, address: str = GUESSER) -> float:
        """Return for how many seconds no key is taken from an address."""
        try:
            self.throttle.check(address)
        except LoginThrottled as throttled:
            return int(throttled.metadata["retry_after_ms"]) / 1000
        return 0.0


@pytest.fixture
def bench() -> Bench:
    """Return a throttle that has seen nothing."""
    return Bench()


def test_whoever_mistypes_is_not_slowed(bench: Bench) -> None:
    """Not by the last wrong key that is free."""
    bench.guess(FREE_REFUSALS)
    assert bench.pause() == 0.0


def test_each_further_guess_costs_twice_as_long_up_to_a_minute(bench: Bench) -> None:
    """While it lasts, no key is looked at, and none that comes makes it longer."""
    bench.guess(FREE_REFUSALS)
    pauses = []
    for _ in range(9):
        bench.guess(1)
        pauses.append(round(bench.pause()))
        with pytest.raises(LoginThrottled):
            bench.guess(1)
        assert round(bench.pause()) == pauses[-1]
        bench.now += pauses[-1] + 0.01
        assert bench.pause() == 0.0
    assert pauses == [1, 2, 4, 8, 16, 32, *[MAX_PAUSE_SECONDS] * 3]


def test_whoever_shows_one_wrong_key_again_and_again_is_slowed_later(bench: Bench) -> None:
    """As a client does whose key was changed: it learns nothing that it did not know."""
    free = FREE_REFUSALS * REPEATS_PER_GUESS
    for _ in range(free):
        bench.throttle.note_refusal(GUESSER, "former")
    assert bench.pause() == 0.0
    bench.throttle.note_refusal(GUESSER, "former")
    assert bench.pause() > 0.0


@pytest.mark.parametrize(
    "other", ["203.0.113.8", "::ffff:203.0.113.8", "2001:db8::7", "localhost", "::1"]
)
def test_others_are_never_locked_out(bench: Bench, other: str) -> None:
    """Whatever comes from elsewhere."""
    bench.guess(FREE_REFUSALS + 1)
    assert bench.pause(other) == 0.0


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (GUESSER, f"::ffff:{GUESSER}", True),
        ("2001:db8::1", "2001:db8::2:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_all_addresses_of_one_subscriber_are_one(
    bench: Bench,
    first: str,
    second: str,
    is_same: bool,  # noqa: FBT001 # of a table
) -> None:
    """Of a network of IPv6, and of an address in two spellings."""
    bench.guess(FREE_REFUSALS + 1, first)
    assert bool(bench.pause(second)) is is_same


def test_whoever_was_quiet_begins_anew(bench: Bench) -> None:
    """After a quarter of an hour."""
    bench.guess(FREE_REFUSALS + 1)
    bench.now += FORGET_SECONDS + 1
    bench.guess(FREE_REFUSALS)
    assert bench.pause() == 0.0


def test_memory_is_bounded(bench: Bench) -> None:
    """Whoever was quiet for longest is forgotten; who guesses just now is not."""
    bench.guess(FREE_REFUSALS + 1, "198.51.100.1")
    for number in range(MAX_ADDRESSES - 1):
        bench.guess(1, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert bench.pause("198.51.100.1") > 0.0
    bench.guess(1, "192.0.2.1")
    assert bench.pause("198.51.100.1") == 0.0
    assert len(vars(bench.throttle)["_guesses"]) == MAX_ADDRESSES


def test_lines_name_the_address_and_no_key(bench: Bench) -> None:
    """For whoever bans addresses by the log."""
    with capture_logs() as logs:
        bench.guess(FREE_REFUSALS + 1)
        bench.throttle.note_token(GUESSER)
    lines: list[Any] = [(line["event"], line["address"], line["code"]) for line in logs]
    assert lines == [
        *[("login_refused", GUESSER, "MASTER_KEY_INVALID")] * FREE_REFUSALS,
        ("login_locked_out", GUESSER, "MASTER_KEY_INVALID"),
        ("login_refused", GUESSER, "ADMINISTRATOR_TOKEN_INVALID"),
    ]
