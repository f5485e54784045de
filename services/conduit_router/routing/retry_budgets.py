"""How often instances may be asked again: retries stay a share of their traffic.

Each caller has a budget of its own: whose requests make a provider fail uses up nobody else's.
"""

# A share of the calls to an instance may be retried on it, and a few a minute in any case.
RETRY_SHARE = 0.2
RETRY_RESERVE = 10.0
REFILL_SECONDS = 60.0


class RetryBudgets:
    """Keeps how many retries each caller has left at each instance. The moment is always given."""

    def __init__(self) -> None:
        # By instance and caller: how many are left, and when the first one was taken.
        self._left: dict[tuple[int, int], tuple[float, float]] = {}

    def __bool__(self) -> bool:
        """Tell whether any is used, as far as was looked."""
        return bool(self._left)

    def take(self, provider_id: int, caller: int, now: float) -> bool:
        """Take one retry, if there is one left."""
        left, since = self._left.get((provider_id, caller), (RETRY_RESERVE, now))
        if left < 1.0:
            return False
        self._left[provider_id, caller] = left - 1.0, since
        return True

    def earn(self, provider_id: int, caller: int) -> None:
        """Note that an instance answered a caller."""
        known = self._left.pop((provider_id, caller), None)
        if known is not None and (left := known[0] + RETRY_SHARE) < RETRY_RESERVE:
            self._left[provider_id, caller] = left, known[1]

    def refill(self, now: float) -> None:
        """Give back the few that there are each minute in any case."""
        since = now - REFILL_SECONDS
        self._left = {name: each for name, each in self._left.items() if each[1] > since}
