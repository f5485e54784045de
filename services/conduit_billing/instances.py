"""What Billing knows of provider instances: those of the Registry, and the names of those gone."""

from collections.abc import Mapping

from conduit_kernel.not_found_errors import ProviderNotFound
from conduit_kernel.snapshot import SnapshotState


class Instances:
    """Names instances; knows which exist once the Registry has reported them."""

    def __init__(self, state: SnapshotState, remembered: Mapping[int, str]) -> None:
        """Take the Registry's state, and what instances were last called."""
        self._state = state
        self._remembered = dict(remembered)
        self._stored = dict(remembered)

    def learn(self) -> None:
        """Take note of the names that the Registry tells now."""
        self._remembered |= {p.id: p.name for p in self._state.providers.values()}

    def not_stored(self) -> Mapping[int, str]:
        """Return the names that are not known to be stored."""
        return {k: name for k, name in self._remembered.items() if self._stored.get(k) != name}

    def note_stored(self, names: Mapping[int, str]) -> None:
        """Take note that names are stored."""
        self._stored |= names

    def name_of(self, provider_id: int) -> str:
        """Return what an instance is or was called."""
        return self._remembered.get(provider_id, f"Provider {provider_id}")

    def must_know(self, provider_id: int) -> None:
        """Raise ProviderNotFound if it is certain that there is no such instance; 0 means all."""
        if provider_id and self._state.is_known and provider_id not in self._state.providers:
            raise _missing(provider_id)

    def must_remember(self, provider_id: int) -> None:
        """Raise ProviderNotFound if there never was such an instance, as far as is known."""
        if provider_id not in self._remembered:
            self.must_know(provider_id)


def _missing(provider_id: int) -> ProviderNotFound:
    return ProviderNotFound(
        f"Provider with ID {provider_id} not found", provider_id=str(provider_id)
    )
