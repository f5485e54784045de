"""Who has a wrong base URL is told the right one."""

import pytest

from conduit.v1.http_routes import ROUTES
from conduit_bridge.path_hints import NOT_YET, PathHints

HINTS = PathHints(route.path for route in ROUTES)
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/v1/chat/completions", CHAT),
        ("/chat/completions", CHAT),
        ("/chat/completions/", CHAT),
        ("//v1//chat/completions", CHAT),
        ("/api/v1/chat/completions", CHAT),
        ("/openai/deployments/gpt/chat/completions", CHAT),
        ("/embeddings", "/v1/embeddings"),
        ("/models", "/v1/models"),
        ("/v1/providers", "/api/providers"),
        ("/virtual-keys", "/api/virtual-keys"),
    ],
)
def test_a_path_that_ends_like_one_of_ours_means_it(path: str, meant: str) -> None:
    """With `/v1` twice or not at all, and with what other servers have before it."""
    hint = HINTS.hint(path)
    assert hint is not None
    assert (hint.path, hint.words) == (meant, f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/chat/completion", CHAT),
        ("/v1/Chat/Completions", CHAT),
        ("/v1/chat/compleitons", CHAT),
        ("/v1/embedding", "/v1/embeddings"),
        ("/v1/image/generations", "/v1/images/generations"),
        ("/api/provider", "/api/providers"),
        ("/api/virtualkeys", "/api/virtual-keys"),
        ("/api/model-provider-mapping", "/api/model-provider-mappings"),
    ],
)
def test_a_path_with_a_slip_in_it_means_the_right_one(path: str, meant: str) -> None:
    """A letter too few, two in the wrong order, or the wrong case."""
    hint = HINTS.hint(path)
    assert hint is not None
    assert (hint.path, hint.words) == (meant, f"did you mean {meant}?")


@pytest.mark.parametrize("path", ["/v1/engines", "/engines"])
def test_what_is_not_there_yet_is_told_as_such(path: str) -> None:
    """With what does the same, so that nobody searches for a mistake of his own."""
    hint = HINTS.hint(path)
    assert hint is not None
    assert hint.path == "/v1/models"
    assert "not in this version" in hint.words


def test_secrets_of_the_beta_are_made_elsewhere() -> None:
    """Clients that make them by its path are told of the released one."""
    for path in ("/v1/realtime/sessions", "/v1/realtime/transcription_sessions"):
        hint = HINTS.hint(path)
        assert hint is not None
        assert hint.path == "/v1/realtime/client_secrets"


def test_what_is_not_there_is_not_there() -> None:
    """Once it is, its row goes."""
    assert not {f"/v1{tail}" for tail in NOT_YET} & {route.path for route in ROUTES}


@pytest.mark.parametrize(
    "path", ["", "/", "/nothing/like/it", "/v1", "/api", "/v1/chats", "/api/secrets", "a" * 999]
)
def test_what_is_like_nothing_has_no_hint(path: str) -> None:
    """Rather than one that misleads."""
    assert HINTS.hint(path) is None
