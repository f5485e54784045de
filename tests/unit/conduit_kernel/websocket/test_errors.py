"""How connections end."""

import pytest

from conduit_kernel.websocket import HandshakeRefused, WebSocketClosed


@pytest.mark.parametrize(
    ("code", "is_clean"), [(1000, True), (1001, True), (1005, True), (1006, False), (1011, False)]
)
def test_a_goodbye_is_a_clean_end(code: int, *, is_clean: bool) -> None:
    """Also one without a code, as of a page that is closed; an end without a word is none."""
    assert WebSocketClosed(code, "").is_clean is is_clean


def test_an_error_quotes_nothing_that_the_peer_wrote() -> None:
    """It is kept beside the message, for whoever may see it."""
    closed = WebSocketClosed(4000, "sk-secret")
    refused = HandshakeRefused("refused", 403, body=b"sk-secret")
    assert (closed.reason, refused.body) == ("sk-secret", b"sk-secret")
    assert "sk-secret" not in f"{closed} {closed!r} {refused} {refused!r}"
