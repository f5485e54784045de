"""Providers that fail, as the router's state sees it."""

from conduit_router.routing.health_view import Asked
from conduit_router.routing.provider_state import ProviderState


def ask(
    provider_id: int = 1, model: str = "gpt", key_id: str = "key_1", *, by: int = 1, at: float = 0.0
) -> Asked:
    """Return whom an attempt asks, for which virtual key, and when it began."""
    return Asked(provider_id, model, key_id, by, at)


def open_for_all(state: ProviderState, provider_id: int, at: float = 0.0) -> None:
    """Let an instance refuse connections until its circuit is open for everybody."""
    while Asked(provider_id, "", "", 0, at).subjects[1] not in state.view().open_circuits:
        state.failed(ask(provider_id, at=at), is_impersonal=True)
