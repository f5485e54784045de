"""Tokens of administrators."""

import re

from conduit_registry.configuration.administrators import SHOWN_CHARS, new_token


def test_a_token_cannot_be_guessed() -> None:
    """256 bits of it are drawn; what is shown of it later tells 36 of them."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"condt_admin_[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert {token[:SHOWN_CHARS][:12] for token in tokens} == {"condt_admin_"}
