"""Slows down whoever guesses the master key, by the address that the guesses come from.

Tokens are random: nobody guesses them, and whoever has one is never slowed.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import structlog

from conduit_kernel.addresses import subscriber_of
from conduit_kernel.auth_errors import AdministratorTokenInvalid, LoginThrottled, MasterKeyInvalid

# Wrong ones that cost nothing: people mistype.
FREE_REFUSALS = 10
# Whoever shows the same wrong one again learns nothing: so often it counts as one more guess.
REPEATS_PER_GUESS = 10
# After each further one nothing is taken for twice as long, from a second on.
MAX_PAUSE_SECONDS = 60.0
# Whoever was quiet for so long begins anew.
FORGET_SECONDS = 900.0
MAX_ADDRESSES = 4096


class _Guesses(NamedTuple):
    guesses: int = 0
    # Nothing is taken before.
    until: float = 0.0
    last_at: float = 0.0
    # Which the last one was, and how often it was shown again.
    last_hash: int = 0
    repeats: int = 0


_NONE = _Guesses()


class LoginThrottle:
    """Counts the wrong master keys of each address; what comes from others is never slowed.

    Beyond `MAX_ADDRESSES`, those that were longest quiet are forgotten.
    """

    def __init__(
        self,
        timer: Callable[[], float],
        on_refused: Callable[[str, str], None] | None = None,
    ) -> None:
        """Take a clock of seconds since any moment, and who is told addresses and reasons."""
        self._timer = timer
        self._on_refused = on_refused
        # By network.
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()
        self._log = structlog.get_logger("logins")

    def check(self, address: str) -> None:
        """Raise LoginThrottled if nothing is taken from an address just now."""
        if not self._guesses:
            return
        found = self._guesses.get(subscriber_of(address), _NONE)
        if (seconds := found.until - self._timer()) > 0:
            self._tell(address, LoginThrottled.reason)
            message = "Too many wrong master keys came from this address; wait before the next"
            raise LoginThrottled(message, retry_after_ms=str(int(seconds * 1000) + 1))

    def note_refusal(self, address: str, key: str) -> None:
        """Count a wrong master key, and write a line about it. Raises as `check` does before."""
        self.check(address)
        network, now, hashed = subscriber_of(address), self._timer(), hash(key)
        old = self._guesses.pop(network, _NONE)
        if now - old.last_at > FORGET_SECONDS:
            old = _NONE
        repeats = old.repeats + 1 if old.guesses and old.last_hash == hashed else 0
        is_guess = repeats % REPEATS_PER_GUESS == 0
        count = old.guesses + is_guess
        pause = min(2.0 ** max(count - FREE_REFUSALS - 1, 0), MAX_PAUSE_SECONDS)
        seconds = pause if is_guess and count > FREE_REFUSALS else 0.0
        self._guesses[network] = _Guesses(count, now + seconds, now, hashed, repeats)
        if len(self._guesses) > MAX_ADDRESSES:
            self._guesses.popitem(last=False)
        self._tell(address, MasterKeyInvalid.reason)
        event = "login_locked_out" if seconds else "login_refused"
        self._log.warning(
            event, address=address, code=MasterKeyInvalid.reason, refusals=count, seconds=seconds
        )

    def note_token(self, address: str, code: str = AdministratorTokenInvalid.reason) -> None:
        """Write a line about a wrong token, or one that was used from where it may not be."""
        self._tell(address, code)
        self._log.warning("login_refused", address=address, code=code)

    def _tell(self, address: str, reason: str) -> None:
        if self._on_refused is not None:
            self._on_refused(subscriber_of(address), reason)
