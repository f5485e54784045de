"""Reads where a session's socket is, of what a provider answers that made the session."""

from urllib.parse import urlsplit

from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import Origin
from conduit_providers.failures import malformed
from conduit_providers.target import Target
from conduit_providers.wire import WebSocketRequest

# Those of HTTP below, and their ports.
_SCHEMES = {"ws": ("http", 80), "wss": ("https", 443)}


def socket_at(url: str, target: Target) -> WebSocketRequest:
    """Return the handshake at a URL, which proves by itself who comes.

    UpstreamError if it is no address of a WebSocket, or one in the clear of a provider that is
    not: whoever listens would hold the session.
    """
    try:
        parts = urlsplit(url)
        scheme, usual = _SCHEMES[parts.scheme]
        port = parts.port or usual
    except (ValueError, KeyError) as error:
        raise _none(target) from error
    is_clear = scheme == "http" and not target.base_url.startswith("http:")
    path = parts.path or "/"
    if not parts.hostname or is_clear or not url.isascii() or not url.isprintable() or " " in url:
        raise _none(target)
    query = f"?{parts.query}" if parts.query else ""
    origin = Origin(scheme, parts.hostname, port)
    return WebSocketRequest(path + query, origin=origin)


def _none(target: Target) -> UpstreamError:
    return malformed(target.provider_name, "it does not say where the session is")
