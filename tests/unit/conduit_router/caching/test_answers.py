"""What is kept of answers, for how long, and what makes room for others."""

import pytest

from conduit.v1.charge_pb2 import USAGE_SOURCE_PROVIDER
from conduit_providers.quantities import plain
from conduit_router.caching.answers import AnswerCache, CachedAnswer
from conduit_router.routing.attempt_plan import Consumption

USED = Consumption(plain(1, 1), USAGE_SOURCE_PROVIDER, is_complete=True)


class Time:
    """Time as the test has it."""

    now = 100.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def time() -> Time:
    """Return time."""
    return Time()


def answer(time: Time, size: int = 100, ttl: float = 60.0) -> CachedAnswer:
    """Return an answer that is made now."""
    return CachedAnswer(time.now, time.now + ttl, 1, "key_1", "m", USED, (), "", size)


def test_an_answer_is_found_until_it_ends(time: Time) -> None:
    """And no longer; then it takes no room either."""
    cache = AnswerCache(time)
    kept = answer(time)
    cache.keep(b"a", kept)
    time.now += 59.9
    assert cache.find(b"a", 60.0) is kept
    time.now += 0.1
    assert cache.find(b"a", 1000.0) is None
    assert (len(cache), cache.taken_bytes) == (0, 0)


def test_one_that_is_older_than_asked_for_stays_for_others(time: Time) -> None:
    """`max-age` is about this call alone."""
    cache = AnswerCache(time)
    cache.keep(b"a", answer(time))
    time.now += 10
    assert cache.find(b"a", 9.0) is None
    assert cache.find(b"a", 11.0) is not None


def test_those_go_first_that_nobody_asked_for_the_longest(time: Time) -> None:
    """By number."""
    cache = AnswerCache(time, max_answers=2)
    for name in (b"a", b"b"):
        cache.keep(name, answer(time))
    assert cache.find(b"a", 60.0)
    cache.keep(b"c", answer(time))
    assert [bool(cache.find(name, 60.0)) for name in (b"a", b"b", b"c")] == [True, False, True]


def test_room_is_bounded_in_bytes(time: Time) -> None:
    """What is kept never takes more; what is too large by itself displaces nobody."""
    cache = AnswerCache(time, max_bytes=1600)
    for number in range(100):
        cache.keep(bytes([number]), answer(time, size=90))
        assert cache.taken_bytes <= 1600
    assert len(cache) == 17
    cache.keep(b"large", answer(time, size=101))
    assert cache.find(b"large", 60.0) is None
    assert len(cache) == 17


def test_a_newer_answer_takes_the_place_of_the_former(time: Time) -> None:
    """Also where it is too large to be kept: the former is not what was answered last."""
    cache = AnswerCache(time, max_bytes=1600)
    cache.keep(b"a", answer(time, size=50))
    cache.keep(b"a", answer(time, size=60))
    assert (len(cache), cache.taken_bytes) == (1, 60)
    cache.keep(b"a", answer(time, size=1000))
    assert (len(cache), cache.taken_bytes) == (0, 0)


@pytest.mark.parametrize("room", [{"max_bytes": 0}, {"max_answers": 0}])
def test_without_room_nothing_is_kept(time: Time, room: dict[str, int]) -> None:
    """And nothing fails."""
    cache = AnswerCache(time, **room)
    cache.keep(b"a", answer(time))
    assert len(cache) == 0


async def test_one_call_at_a_time_is_waited_for(time: Time) -> None:
    """Its end is told, and the next one may begin."""
    cache = AnswerCache(time)
    first = cache.begin(b"a")
    assert first is not None
    assert cache.begin(b"a") is None
    assert cache.call_under_way(b"a") is first
    cache.end(b"a")
    assert first.done()
    assert cache.call_under_way(b"a") is None
    assert cache.begin(b"a") is not None
