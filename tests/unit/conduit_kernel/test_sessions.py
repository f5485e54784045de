"""Tokens of sessions say which session they are of, and nobody makes one up."""

import pytest

from conduit.v1.administrator_session_pb2 import AdministratorSession
from conduit_kernel.secrets import Vault
from conduit_kernel.sessions import (
    MAX_CHARACTERS,
    SESSION_START,
    Session,
    csrf_token,
    open_session,
    seal_session,
)

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
SESSION = Session(7, 1_900_000_000_000_001)


def test_a_session_comes_back_from_its_token() -> None:
    """Also where the encryption key changed since, as long as the former one is known."""
    token = seal_session(Vault(OLD), SESSION)
    assert token.startswith(SESSION_START)
    assert open_session(Vault(NEW, OLD), token) == SESSION
    assert open_session(Vault(NEW), token) is None


def test_a_session_is_known_by_its_id_and_its_beginning() -> None:
    """An older database, put back, gives ids again: to others, later."""
    kept = AdministratorSession(id=7)
    kept.created_at.FromMicroseconds(SESSION.began_at)
    assert Session.of(kept) == SESSION
    kept.created_at.FromMicroseconds(SESSION.began_at + 1)
    assert Session.of(kept) != SESSION


def test_what_is_no_token_of_ours_is_no_session() -> None:
    """Nor one that was altered anywhere, nor a client's secret under its name."""
    vault = Vault(OLD)
    token = seal_session(vault, SESSION)
    for each in range(len(SESSION_START), len(token), 7):
        other = "A" if token[each] != "A" else "B"
        assert open_session(vault, token[:each] + other + token[each + 1 :]) is None
    for text in ("", SESSION_START, token + "A", token[:-1], "x" * MAX_CHARACTERS):
        assert open_session(vault, text) is None
    secret = vault.seal_client_secret(b'{"id": 7, "began_at": 1900000000000001}')
    assert open_session(vault, SESSION_START + secret) is None
    assert vault.open_client_secret(token.removeprefix(SESSION_START)) is None


def test_a_csrf_token_is_its_sessions() -> None:
    """It tells nothing of the session, and no other session has it."""
    vault = Vault(OLD)
    one, two = seal_session(vault, SESSION), seal_session(vault, SESSION)
    assert csrf_token(one) == csrf_token(one) != csrf_token(two)
    assert csrf_token(one) not in one


@pytest.mark.parametrize("purpose", [b"", b"another"])
def test_a_text_opens_for_its_purpose_alone(purpose: bytes) -> None:
    """Whoever seals says what for."""
    vault = Vault(OLD)
    assert vault.open_text(vault.seal_text(b"x", b"one"), purpose) is None
    assert vault.open_text(vault.seal_text(b"x", b"one"), b"one") == b"x"


@pytest.mark.parametrize("purpose", [b"administrator session v1", b"administrator session v2"])
def test_a_session_of_another_version_is_none(purpose: bytes) -> None:
    """Whoever has it logs in again."""
    vault = Vault(OLD)
    older = b'{"name": "anna", "role": 1, "expires_at": 1900000000}'
    for content in (b"{}", b'{"id": "x"}', b"", b"\xff", older):
        token = SESSION_START + vault.seal_text(content, purpose)
        assert open_session(vault, token) is None
