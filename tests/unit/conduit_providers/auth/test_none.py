"""Upstreams that ask for no proof."""

import pytest

from conduit_providers.auth import NEVER
from conduit_providers.auth.none import signer
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

TARGET = Target("P", "Acme", "http://127.0.0.1", organization="o")


@pytest.mark.parametrize("secret", ["", "sk-canary", "a\r\nb"])
def test_nothing_is_added_whatever_the_key(secret: str) -> None:
    """A key that nobody asked for goes nowhere, and is no reason to refuse."""
    found = signer(Auth("none", ""), secret, TARGET)
    request = HttpRequest("POST", "/", (("a", "b"),), b"x")
    assert found.sign(request) == request
    assert (found.is_static, found.expires_at) == (True, NEVER)
    assert "canary" not in repr(found)
