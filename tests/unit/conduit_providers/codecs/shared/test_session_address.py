"""Where a provider may send a session."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.session_address import socket_at
from conduit_providers.target import Target

TARGET = Target("Lumen", "Ultravox", "https://api.lumen.example")
LOCAL = Target("Lumen", "Ultravox", "http://127.0.0.1:8080")


def test_an_address_is_taken_apart() -> None:
    """The port is that of HTTPS where none is named; what is behind it is kept as it is."""
    found = socket_at("wss://voice.example/calls/1?token=a%2Fb", TARGET)
    assert found.origin == ("https", "voice.example", 443)
    assert found.path == "/calls/1?token=a%2Fb"
    assert socket_at("wss://voice.example:8443", TARGET).origin == ("https", "voice.example", 8443)
    assert socket_at("wss://voice.example:8443", TARGET).path == "/"


def test_only_who_is_reached_in_the_clear_may_send_there() -> None:
    """Whoever listens would hold the session."""
    assert socket_at("ws://127.0.0.1:1/x", LOCAL).origin == ("http", "127.0.0.1", 1)
    with pytest.raises(UpstreamError):
        socket_at("ws://voice.example/x", TARGET)


NONE = ["", "x", "https://a/", "http://a:80/", "wss:///x", "wss://a:b/", "wss://[/", "wss://a/ b"]


@pytest.mark.parametrize("url", [*NONE, "wss://a/\u00e9", "wss://a/\r\nx: y"])
def test_what_is_no_address_is_the_providers_fault(url: str) -> None:
    """Its answer makes no sense."""
    with pytest.raises(UpstreamError) as raised:
        socket_at(url, TARGET)
    assert raised.value.metadata["kind"] == "malformed"


def test_an_address_is_not_shown() -> None:
    """Whoever knows it may speak."""
    assert "canary" not in repr(socket_at("wss://voice.example/canary?canary", TARGET))
