"""Nobody has the login provider asked as often as they like, and nobody else waits for it."""

import asyncio

import pytest
from tests.unit.conduit_bridge.login.conftest import Timer

from conduit_bridge.login.exchanges import (
    AT_ONCE,
    BURST,
    MAX_ADDRESSES,
    MAX_STATES,
    SECONDS_EACH,
    CodeExchanges,
)
from conduit_bridge.login.provider import LoginFailed
from conduit_kernel.auth_errors import LoginThrottled
from conduit_kernel.errors import ServiceUnavailable

HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def exchanges(timer: Timer) -> CodeExchanges:
    """Return those of a gateway that has just begun."""
    return CodeExchanges(timer, wait_seconds=0.05)


async def refused(exchanges: CodeExchanges, state: str, address: str = HERE) -> None:
    """Ask, in vain."""
    with pytest.raises(LoginFailed, match="not confirmed"):
        async with exchanges.one(state, address):
            raise LoginFailed("not confirmed")


async def test_a_login_is_asked_for_once(exchanges: CodeExchanges) -> None:
    """Whatever came of it, and wherever it comes from."""
    async with exchanges.one("good", HERE):
        pass
    await refused(exchanges, "bad")
    for state in ("good", "bad"):
        with pytest.raises(LoginFailed, match="finished already"):
            async with exchanges.one(state, ELSEWHERE):
                raise AssertionError


async def test_an_address_asks_so_often_and_no_other_is_held_up(
    exchanges: CodeExchanges, timer: Timer
) -> None:
    """With each pause once more; what was refused was not asked, and may be when its time comes."""
    for number in range(BURST):
        await refused(exchanges, f"{number}")
    with pytest.raises(LoginThrottled) as caught:
        async with exchanges.one("later", HERE):
            raise AssertionError
    assert caught.value.metadata["retry_after_ms"] == str(int(SECONDS_EACH * 1000) + 1)
    await refused(exchanges, "elsewhere", ELSEWHERE)
    timer.now += SECONDS_EACH
    await refused(exchanges, "later")
    with pytest.raises(LoginThrottled):
        async with exchanges.one("again", HERE):
            raise AssertionError


async def test_addresses_of_one_network_are_one(exchanges: CodeExchanges) -> None:
    """Whoever has a /64 has more addresses than there are questions."""
    for number in range(BURST):
        await refused(exchanges, f"{number}", f"2001:db8::{number}")
    with pytest.raises(LoginThrottled):
        async with exchanges.one("one more", "2001:db8::ffff"):
            raise AssertionError


async def test_logins_that_succeed_cost_nothing(exchanges: CodeExchanges) -> None:
    """However many administrators come from behind one address."""
    for number in range(3 * BURST):
        async with exchanges.one(f"{number}", HERE):
            pass


async def test_so_many_are_under_way_and_others_wait(exchanges: CodeExchanges) -> None:
    """For a moment; whoever leaves makes room, and whoever gives up takes none."""
    under_way = [exchanges.one(f"{number}", f"192.0.2.{number}") for number in range(AT_ONCE)]
    for each in under_way:
        await each.__aenter__()
    with pytest.raises(ServiceUnavailable, match="too many others"):
        async with exchanges.one("waits in vain", HERE):
            raise AssertionError
    waiting = asyncio.create_task(_asked(exchanges, "waits", ELSEWHERE))
    await asyncio.sleep(0)
    await under_way[0].__aexit__(None, None, None)
    await waiting
    for each in under_way[1:]:
        await each.__aexit__(None, None, None)
    for number in range(AT_ONCE):
        async with exchanges.one(f"after {number}", f"198.51.100.{number}"):
            pass


async def _asked(exchanges: CodeExchanges, state: str, address: str) -> None:
    async with exchanges.one(state, address):
        pass


async def test_what_is_remembered_is_bounded(exchanges: CodeExchanges) -> None:
    """The oldest go first."""
    for number in range(MAX_ADDRESSES + 10):
        await _asked(
            exchanges, f"{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        )
    assert len(exchanges._full_at) == MAX_ADDRESSES  # noqa: SLF001 # its bound
    assert len(exchanges._used) == MAX_STATES  # noqa: SLF001 # as above
    await refused(exchanges, "0")
