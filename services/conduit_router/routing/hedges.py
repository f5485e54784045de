"""When a second candidate is asked beside a slow one, and for how many calls."""

from collections import deque
from collections.abc import Iterable

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

# By alias, or virtual key where that has a budget of its own: the share of its calls that may be
# hedged; of what is left, how many.
Budgets = dict[str | int, float]


class Hedges:
    """Keeps how long first tokens took, and how many calls may still be hedged."""

    def __init__(self) -> None:
        # Seconds, by instance and model.
        self._answers: dict[Place, deque[float]] = {}
        self._left: Budgets = {}

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

    def earn(self, budgets: Budgets) -> None:
        """Note a call that counts for such budgets."""
        for name, share in budgets.items():
            self._left[name] = min(RESERVE, self._left.get(name, RESERVE) + share)

    def take(self, names: Iterable[str | int]) -> bool:
        """Take one hedge of each budget, if each has one left."""
        left = {name: self._left.get(name, RESERVE) - 1.0 for name in names}
        if min(left.values()) < 0.0:
            return False
        self._left |= left
        return True

    def apply(self, change: TableChange) -> None:
        """Forget what a new table does not have."""
        for alias in change.aliases - change.after.routes.keys():
            self._left.pop(alias, None)
        known = change.after.hashes
        for key in [each for each in self._left if isinstance(each, int) and each not in known]:
            del self._left[key]
        gone = change.provider_ids - change.after.instances.keys()
        if gone and self._answers:
            self._answers = {at: each for at, each in self._answers.items() if at[0] not in gone}
