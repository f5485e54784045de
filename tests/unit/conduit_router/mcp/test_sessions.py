"""Sessions are their owners' alone."""

import pytest
from tests.support.clock import Clock

from conduit_kernel.errors import TooManyCalls
from conduit_kernel.not_found_errors import McpSessionNotFound
from conduit_kernel.secrets import Vault
from conduit_router.mcp.sessions import IDLE_SECONDS, MOST_SESSIONS, McpSessions

VAULT = Vault(bytes(range(32)))


def test_a_session_opens_for_its_owner_at_its_server() -> None:
    """At every worker; for nobody else, nowhere else, and not once it was altered."""
    sealed = McpSessions(VAULT, lambda: 0.0).sealed(1, 2, "theirs")
    assert "theirs" not in sealed
    sessions = McpSessions(VAULT, lambda: 0.0)
    assert sessions.opened(1, 2, sealed) == "theirs"
    foreign = McpSessions(Vault(bytes(32)), lambda: 0.0).sealed(1, 2, "theirs")
    for owner, server, text in (
        (9, 2, sealed),
        (1, 9, sealed),
        (1, 2, sealed[:-2] + "AA"),
        (1, 2, "theirs"),
        (1, 2, foreign),
        (1, 2, VAULT.seal_client_secret(b"x")),
    ):
        with pytest.raises(McpSessionNotFound):
            sessions.opened(owner, server, text)


def test_a_key_has_so_many_sessions_at_most() -> None:
    """Until one ends, or was not used for long; others' are counted by themselves."""
    clock = Clock()
    sessions = McpSessions(VAULT, clock)
    made = [sessions.sealed(1, 2, str(number)) for number in range(MOST_SESSIONS)]
    with pytest.raises(TooManyCalls):
        sessions.check(1)
    sessions.check(2)
    sessions.end(1, made[0])
    sessions.check(1)
    sessions.sealed(1, 2, "one more")
    clock.now += IDLE_SECONDS - 1
    sessions.opened(1, 2, made[5])
    with pytest.raises(TooManyCalls):
        sessions.check(1)
    clock.now += 2
    sessions.check(1)
    for each in made:
        sessions.end(1, each)


def test_memory_is_bounded() -> None:
    """Whichever ids a key shows that other workers made."""
    elsewhere, sessions = McpSessions(VAULT, lambda: 0.0), McpSessions(VAULT, lambda: 0.0)
    for number in range(MOST_SESSIONS + 50):
        sessions.opened(1, 2, elsewhere.sealed(1, 2, str(number)))
    assert sessions.count(1) == MOST_SESSIONS
