"""Keys, and models of keys or instances, that are not used for a while."""

from conduit_router.routing.health_view import Cooldown, Subject

# So many models of a key at rest mean that the key itself is.
MODELS_OF_A_KEY = 3


class Cooldowns:
    """Keeps what rests, and until when. The moment is always given, in seconds."""

    def __init__(self) -> None:
        self._cooldowns: dict[Subject, Cooldown] = {}

    def __bool__(self) -> bool:
        """Tell whether anything is at rest, as far as was looked."""
        return bool(self._cooldowns)

    def add(self, subject: Subject, cooldown: Cooldown) -> None:
        """Let something rest; a key of which several models rest by their limits rests, too."""
        self._cooldowns[subject] = cooldown
        if subject.model and subject.key_id and cooldown.reason == "PROVIDER_RATE_LIMITED":
            alike = [
                each
                for at, each in self._cooldowns.items()
                if at._replace(model="") == subject._replace(model="")
                and at.model
                and each.reason == cooldown.reason
            ]
            if len(alike) >= MODELS_OF_A_KEY:
                self._cooldowns[subject._replace(model="")] = min(alike)

    def current(self, now: float) -> dict[Subject, Cooldown]:
        """Return what is at rest now, and forget the rest."""
        self._cooldowns = {at: each for at, each in self._cooldowns.items() if each.until > now}
        return self._cooldowns

    def forget(self, provider_ids: frozenset[int], key_ids: frozenset[str]) -> None:
        """End the rests of instances and keys."""
        self._cooldowns = {
            at: each
            for at, each in self._cooldowns.items()
            if at.provider_id not in provider_ids and at.key_id not in key_ids
        }
