"""Keys that providers refused: for how long they rest until a free check shows who is to blame."""

from collections.abc import Collection
from typing import NamedTuple

from conduit_kernel.errors import InsufficientFunds, InvalidApiKey
from conduit_router.routing.health_view import Asked, Subject

REFUSALS = frozenset({InvalidApiKey.reason, InsufficientFunds.reason})
# How long a key rests that is known to be refused, and one that cannot be checked for free.
REFUSED_SECONDS = 300.0
# How long it rests before that is known; twice as long each time that it is refused again.
UNCONFIRMED_SECONDS = 10.0
# How long a model rests at a key that is taken for others.
MODEL_SECONDS = 60.0
MODEL_WITHOUT_FUNDS_SECONDS = 300.0
# For how long after a good check a refusal is taken for the model's.
TAKEN_SECONDS = 30.0


class KeyCheck(NamedTuple):
    """The result of a free request with a key; `began` is in seconds of the router's own clock."""

    provider_id: int
    key_id: str
    began: float
    # Of its failure in the contract; empty if the key was taken.
    reason: str = ""
    message: str = ""
    # Whether an operator asked for it.
    is_test: bool = False

    @property
    def subject(self) -> Subject:
        """Return the key."""
        return Subject(self.provider_id, "", self.key_id)


class _Unconfirmed(NamedTuple):
    times: int
    until: float


class KeyRefusals:
    """Keeps which refusals of keys were confirmed. The moment is always given, in seconds."""

    def __init__(self) -> None:
        # When the last check of each key began, or an operator changed it: the older is void.
        self._known: dict[Subject, float] = {}
        self._taken: dict[Subject, float] = {}
        self._unconfirmed: dict[Subject, _Unconfirmed] = {}

    def refused(self, asked: Asked, reason: str, now: float) -> tuple[Subject, float]:
        """Return what rests because a provider refused a key, and for how many seconds."""
        key = Subject(asked.provider_id, "", asked.key_id)
        taken = self._taken.get(key)
        if taken is not None and now - taken < TAKEN_SECONDS:
            return key._replace(model=asked.model), model_seconds(reason)
        times, until = self._unconfirmed.get(key, _Unconfirmed(0, now))
        if now < until:
            # By a request that was under way already.
            return key, until - now
        if now - until > REFUSED_SECONDS:
            times = 0
        seconds = min(REFUSED_SECONDS, UNCONFIRMED_SECONDS * 2 ** min(times, 9))
        self._unconfirmed[key] = _Unconfirmed(times + 1, now + seconds)
        return key, seconds

    def take(self, check: KeyCheck) -> bool:
        """Take a check; return whether it is newer than what is known."""
        key = check.subject
        if check.began <= self._known.get(key, -1.0):
            return False
        self._known[key] = check.began
        self._unconfirmed.pop(key, None)
        if check.reason:
            self._taken.pop(key, None)
        else:
            self._taken[key] = check.began
        return True

    def forget(self, provider_ids: Collection[int], key_ids: Collection[str], now: float) -> None:
        """Forget keys that an operator changed, and all checks of them that began before."""
        for known in (self._unconfirmed, self._taken):
            for key in [each for each in known if _is_of(each, provider_ids, key_ids)]:
                del known[key]
        self._known = {
            key: now if _is_of(key, provider_ids, key_ids) else began
            for key, began in self._known.items()
        }


def model_seconds(reason: str) -> float:
    """Return how long a model rests at a key that is taken for others."""
    has_funds = reason != InsufficientFunds.reason
    return MODEL_SECONDS if has_funds else MODEL_WITHOUT_FUNDS_SECONDS


def _is_of(key: Subject, provider_ids: Collection[int], key_ids: Collection[str]) -> bool:
    return key.provider_id in provider_ids or key.key_id in key_ids
