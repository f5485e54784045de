"""Models that refuse to go on from a text of their own, as far as calls have shown."""

from collections.abc import Callable

from conduit_router.routing.table import Caller, Candidate

# Models change, and so do the parameters with which they take no prefill.
REMEMBERED_SECONDS = 3600.0
MAX_REFUSALS = 1000


class PrefillRefusals:
    """Remembers refusals for a while, by virtual key: what one sends takes nothing from others."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Until when, by virtual key, instance and model; the oldest first.
        self._until: dict[tuple[int, int, str], float] = {}

    def note(self, caller: Caller, candidate: Candidate) -> None:
        """Remember that a model refused a prefill and took the request without it."""
        name = _name(caller, candidate)
        self._until.pop(name, None)
        if len(self._until) >= MAX_REFUSALS:
            del self._until[next(iter(self._until))]
        self._until[name] = self._clock() + REMEMBERED_SECONDS

    def has(self, caller: Caller, candidate: Candidate) -> bool:
        """Return whether a model is known to refuse."""
        return self._until.get(_name(caller, candidate), 0.0) > self._clock()


def _name(caller: Caller, candidate: Candidate) -> tuple[int, int, str]:
    return caller.virtual_key_id, candidate.provider_id, candidate.model
