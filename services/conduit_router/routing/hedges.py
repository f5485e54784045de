"""When a second candidate is asked beside a slow one, and for how many calls."""

from collections import deque

from conduit_router.routing.balancing import Place
from conduit_router.routing.policy import Hedging
from conduit_router.routing.table import TableChange

# Of so many answers of late one learns how long a candidate takes, and of fewer one does not.
KEPT_ANSWERS = 100
LEAST_ANSWERS = 20
# The share of them that come in time.
IN_TIME = 0.95
# What is given, however little traffic an alias has.
RESERVE = 10.0


class Hedges:
    """Keeps how long first tokens took, and how many calls may still be hedged."""

    def __init__(self) -> None:
        # Seconds, by instance and model.
        self._answers: dict[Place, deque[float]] = {}
        self._left: dict[str, float] = {}

    def delay(self, hedging: Hedging, place: Place) -> float | None:
        """Return how many seconds a candidate has for itself; None where that is not known yet."""
        if hedging.delay is not None:
            return hedging.delay
        answers = self._answers.get(place)
        if answers is None or len(answers) < LEAST_ANSWERS:
            return None
        return sorted(answers)[int(len(answers) * IN_TIME)]

    def note(self, place: Place, seconds: float) -> None:
        """Note how long an answer took, or that it took longer than that."""
        answers = self._answers.get(place)
        if answers is None:
            answers = self._answers[place] = deque(maxlen=KEPT_ANSWERS)
        answers.append(seconds)

    def earn(self, alias: str, share: float) -> None:
        """Note a call of an alias, of whose calls such a share may be hedged."""
        self._left[alias] = min(RESERVE, self._left.get(alias, RESERVE) + share)

    def take(self, alias: str) -> bool:
        """Take one hedge of an alias, if there is one left."""
        left = self._left.get(alias, RESERVE)
        if left < 1.0:
            return False
        self._left[alias] = left - 1.0
        return True

    def apply(self, change: TableChange) -> None:
        """Forget what a new table does not have."""
        for alias in change.aliases - change.after.routes.keys():
            self._left.pop(alias, None)
        gone = change.provider_ids - change.after.instances.keys()
        if gone and self._answers:
            self._answers = {at: each for at, each in self._answers.items() if at[0] not in gone}
