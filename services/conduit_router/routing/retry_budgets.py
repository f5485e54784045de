"""How often instances may be asked again: retries stay a share of their traffic."""

# A share of the calls to an instance may be retried on it, and a few in any case.
RETRY_SHARE = 0.2
RETRY_RESERVE = 10.0


class RetryBudgets:
    """Keeps how many retries each instance has left."""

    def __init__(self) -> None:
        self._left: dict[int, float] = {}

    def __bool__(self) -> bool:
        """Tell whether any is used."""
        return bool(self._left)

    def take(self, provider_id: int) -> bool:
        """Take one retry, if there is one left."""
        left = self._left.get(provider_id, RETRY_RESERVE)
        if left < 1.0:
            return False
        self._left[provider_id] = left - 1.0
        return True

    def earn(self, provider_id: int) -> None:
        """Note that an instance answered."""
        left = self._left.pop(provider_id, RETRY_RESERVE) + RETRY_SHARE
        if left < RETRY_RESERVE:
            self._left[provider_id] = left
