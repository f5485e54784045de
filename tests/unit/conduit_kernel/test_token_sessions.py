"""What a browser has of a credential: sealed, and nothing that anybody else could make."""

import pytest

from conduit_kernel.secrets import Vault
from conduit_kernel.sessions import Session
from conduit_kernel.token_sessions import (
    MAX_CHARACTERS,
    TOKEN_SESSION_START,
    TokenSession,
    master_key_digest,
    open_token_session,
    seal_token_session,
)

VAULT = Vault(bytes(32))
SESSION = TokenSession(Session(1, 2), 1000, token="condt_admin_anna")


def test_a_session_opens_with_the_keys_of_the_gateway_alone() -> None:
    """And with former ones; the token within is not to be read."""
    sealed = seal_token_session(VAULT, SESSION)
    assert "anna" not in sealed
    assert open_token_session(VAULT, sealed) == SESSION
    assert open_token_session(Vault(bytes(range(32)), bytes(32)), sealed) == SESSION
    assert open_token_session(Vault(bytes(range(32))), sealed) is None


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_session_that_was_changed_is_none(cut: int) -> None:
    """Whatever of it."""
    sealed = seal_token_session(VAULT, SESSION)
    assert open_token_session(VAULT, sealed[:cut]) is None
    assert open_token_session(VAULT, f"{sealed}x") is None
    swapped = sealed[:-10] + ("A" if sealed[-10] != "A" else "B") + sealed[-9:]
    assert open_token_session(VAULT, swapped) is None


def test_what_was_sealed_for_another_purpose_is_none() -> None:
    """Nor what is longer than any session, or of another version."""
    other = TOKEN_SESSION_START + VAULT.seal_text(b"{}", b"another purpose")
    assert open_token_session(VAULT, other) is None
    assert open_token_session(VAULT, TOKEN_SESSION_START + "A" * MAX_CHARACTERS) is None
    unlike = VAULT.seal_text(b'{"v": 2}', b"administrator token session v2")
    assert open_token_session(VAULT, TOKEN_SESSION_START + unlike) is None


def test_master_keys_are_told_apart_by_what_stands_for_them() -> None:
    """Which says nothing of them."""
    assert master_key_digest("one") != master_key_digest("other")
    assert "one" not in master_key_digest("one")
