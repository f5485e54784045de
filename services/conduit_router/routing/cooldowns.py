"""Keys, and models of keys or instances, that are not used for a while."""

from conduit_router.routing.health_view import Cooldown, Subject
from conduit_router.routing.key_refusals import REFUSALS, KeyCheck

# So many models of a key at rest mean that the key itself is.
MODELS_OF_A_KEY = 3
_OF_KEYS = REFUSALS | {"PROVIDER_RATE_LIMITED"}


class Cooldowns:
    """Keeps what rests, and until when. The moment is always given, in seconds."""

    def __init__(self) -> None:
        self._cooldowns: dict[Subject, Cooldown] = {}

    def __bool__(self) -> bool:
        """Tell whether anything is at rest, as far as was looked."""
        return bool(self._cooldowns)

    def add(self, subject: Subject, cooldown: Cooldown) -> None:
        """Let something rest; a key of which several models rest for the same reason does, too.

        What rests is not asked: another failure of the kind was under way already, and shortens
        nothing.
        """
        known = self._cooldowns.get(subject)
        if known is not None and known.reason == cooldown.reason and known.until > cooldown.until:
            return
        # In place of the former, as that may be the value by which a decision was made.
        self._cooldowns = {**self._cooldowns, subject: cooldown}
        if subject.model and subject.key_id and cooldown.reason in _OF_KEYS:
            alike = [
                each
                for at, each in self._cooldowns.items()
                if at._replace(model="") == subject._replace(model="")
                and at.model
                and each.reason == cooldown.reason
            ]
            if len(alike) >= MODELS_OF_A_KEY:
                self._cooldowns[subject._replace(model="")] = min(alike)._replace(model="")

    def end(self, check: KeyCheck) -> list[Cooldown]:
        """End the older rests that a check of a key has disproved; return those of the key.

        A test of an operator's ends all that may have to do with the key.
        """
        ended = {
            at: each
            for at, each in self._cooldowns.items()
            if each.since < check.began
            and (
                at.provider_id == check.provider_id and at.key_id in {"", check.key_id}
                if check.is_test
                else at == check.subject and each.reason in REFUSALS
            )
        }
        self._cooldowns = {at: each for at, each in self._cooldowns.items() if at not in ended}
        return [each for at, each in ended.items() if at == check.subject]

    def current(self, now: float) -> dict[Subject, Cooldown]:
        """Return what is at rest now, a value, and forget the rest."""
        if any(each.until <= now for each in self._cooldowns.values()):
            self._cooldowns = {at: each for at, each in self._cooldowns.items() if each.until > now}
        return self._cooldowns

    def forget(self, provider_ids: frozenset[int], key_ids: frozenset[str]) -> None:
        """End the rests of instances and keys."""
        self._cooldowns = {
            at: each
            for at, each in self._cooldowns.items()
            if at.provider_id not in provider_ids and at.key_id not in key_ids
        }
