"""Has an HTTP server show the certificate that was put in the place of another."""

import asyncio

from conduit_kernel.http.server import HttpServer
from conduit_kernel.tls import WatchedTls


class CertificateRenewal:
    """Looks for another certificate, and tries until it is shown."""

    def __init__(self, tls: WatchedTls, server: HttpServer) -> None:
        """Take what the server shows so far."""
        self._tls = tls
        self._server = server
        self._shown = tls.material

    async def run(self) -> None:
        """Look: a step of a loop. ValueError or OSError if it cannot be shown yet."""
        await asyncio.to_thread(self._tls.refresh)
        material = self._tls.material
        if material is not self._shown:
            await self._server.show(self._tls.server_context())
            self._shown = material
