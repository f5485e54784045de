"""Where requests go."""

import os
import ssl
from collections.abc import Callable
from typing import NamedTuple


class Origin(NamedTuple):
    """Scheme (http or https), host (a name or an address, IPv6 without brackets), port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> bytes:
        """Return the value of the Host field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return (host if self.port == default else f"{host}:{self.port}").encode()


SslContextFactory = Callable[[Origin], ssl.SSLContext]


class SystemTrust:
    """One TLS context on the system's certificates, made when first needed."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None

    def __call__(self, origin: Origin) -> ssl.SSLContext:
        """Give the context, the same one for every origin. OSError without a descriptor."""
        if self._context is None:
            # Without a descriptor, OpenSSL would load no certificate and say nothing.
            os.close(os.open(os.devnull, os.O_RDONLY))
            self._context = ssl.create_default_context()
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context
