"""Slows down whoever guesses the master key, by the address that the guesses come from.

Tokens are random: nobody guesses them, and whoever has one is never slowed.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

import structlog

from conduit_kernel.auth_errors import AdministratorTokenInvalid, LoginThrottled, MasterKeyInvalid

# Wrong ones that cost nothing: people mistype.
FREE_REFUSALS = 10
# After each further one nothing is taken for twice as long, from a second on.
MAX_PAUSE_SECONDS = 60.0
# Whoever was quiet for so long begins anew.
FORGET_SECONDS = 900.0
MAX_ADDRESSES = 4096
# A network of one subscriber, who has all of its addresses.
IPV6_PREFIX = 64


class LoginThrottle:
    """Counts the wrong master keys of each address; what comes from others is never slowed.

    Beyond `MAX_ADDRESSES`, those that were longest quiet are forgotten.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        """Take a clock of seconds since any moment."""
        self._timer = timer
        # By network: how many, until when nothing is taken, and when the last one came.
        self._refusals: OrderedDict[str, tuple[int, float, float]] = OrderedDict()
        self._log = structlog.get_logger("logins")

    def check(self, address: str) -> None:
        """Raise LoginThrottled if nothing is taken from an address just now."""
        if not self._refusals:
            return
        _, until, _ = self._refusals.get(_network(address), (0, 0.0, 0.0))
        if (seconds := until - self._timer()) > 0:
            message = "Too many wrong master keys came from this address; wait before the next"
            raise LoginThrottled(message, retry_after_ms=str(int(seconds * 1000) + 1))

    def note_refusal(self, address: str) -> None:
        """Count a wrong master key, and write a line about it. Raises as `check` does before."""
        self.check(address)
        network, now = _network(address), self._timer()
        count, _, last = self._refusals.pop(network, (0, 0.0, now))
        count = 1 if now - last > FORGET_SECONDS else count + 1
        pause = min(2.0 ** max(count - FREE_REFUSALS - 1, 0), MAX_PAUSE_SECONDS)
        seconds = pause if count > FREE_REFUSALS else 0.0
        self._refusals[network] = count, now + seconds, now
        if len(self._refusals) > MAX_ADDRESSES:
            self._refusals.popitem(last=False)
        event = "login_locked_out" if seconds else "login_refused"
        self._log.warning(
            event, address=address, code=MasterKeyInvalid.reason, refusals=count, seconds=seconds
        )

    def note_token(self, address: str) -> None:
        """Write a line about a wrong token."""
        self._log.warning("login_refused", address=address, code=AdministratorTokenInvalid.reason)


def _network(address: str) -> str:
    """Return what one caller has all addresses of."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
