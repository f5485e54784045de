"""Bounds how often those who come back from the login provider have us ask it about them.

Whoever begins a login has a `state` of ours for nothing. Each is good for one question, and each
address for so many: pgEdge/ai-dba-workbench#505.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from conduit_bridge.login.provider import LoginFailed
from conduit_kernel.addresses import subscriber_of
from conduit_kernel.auth_errors import LoginThrottled
from conduit_kernel.errors import ServiceUnavailable

# Of an address: so many questions at once, and one more each time that some seconds have passed.
# Logins that succeed cost nothing, however many have one address.
BURST, SECONDS_EACH = 10, 6.0
# Of everybody, under way; who comes then waits for a place.
AT_ONCE = 16
WAIT_SECONDS = 5.0
# Beyond it the oldest are forgotten.
MAX_STATES, MAX_ADDRESSES = 4096, 4096


class CodeExchanges:
    """Questions to the login provider, what a code stands for: one for each login."""

    def __init__(self, timer: Callable[[], float], *, wait_seconds: float = WAIT_SECONDS) -> None:
        """Take a clock of seconds since any moment, and how long a place is waited for."""
        self._timer = timer
        self._wait_seconds = wait_seconds
        # Their logins take some minutes at most, and are refused by their dates then.
        self._used: OrderedDict[str, None] = OrderedDict()
        # When there is room for a whole burst again, by network.
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._places = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def one(self, state: str, address: str) -> AsyncIterator[None]:
        """Have the provider asked for a login; it counts unless this comes to a good end.

        LoginFailed if it was asked for this one already, LoginThrottled if it was for too many of
        the address, ServiceUnavailable if it is for too many others.
        """
        network = subscriber_of(address)
        self._count(network)
        self._use(state)
        async with self._place():
            yield
        if network in self._full_at:
            self._full_at[network] -= SECONDS_EACH

    def _count(self, network: str) -> None:
        now = self._timer()
        full_at = max(self._full_at.pop(network, now), now)
        wait = full_at - now - (BURST - 1) * SECONDS_EACH
        self._full_at[network] = full_at if wait > 0 else full_at + SECONDS_EACH
        if len(self._full_at) > MAX_ADDRESSES:
            self._full_at.popitem(last=False)
        if wait > 0:
            message = "Too many logins from this address failed; wait before the next"
            raise LoginThrottled(message, retry_after_ms=str(int(wait * 1000) + 1))

    def _use(self, state: str) -> None:
        if state in self._used:
            raise LoginFailed("This login was finished already: begin again")
        self._used[state] = None
        if len(self._used) > MAX_STATES:
            self._used.popitem(last=False)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            message = "The login provider is being asked for too many others"
            raise ServiceUnavailable(message, service="oidc", retry_after_ms="1000") from error
        try:
            yield
        finally:
            self._places.release()
