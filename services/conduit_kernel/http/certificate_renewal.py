"""Has an HTTP server show a certificate, and the one that is put in its place."""

import asyncio

from conduit_kernel.background import Background
from conduit_kernel.http.server import HttpServer
from conduit_kernel.tls import RELOAD_SECONDS, TlsFiles, WatchedTls


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


async def listen(
    server: HttpServer,
    tls: TlsFiles | None,
    background: Background,
    host: str,
    port: int,
    *,
    reuse_port: bool = False,
) -> None:
    """Start a server with the certificate that there is, and show those that will be.

    In plain text without any. OSError if the address cannot be had.
    """
    if tls is None:
        await server.start(host, port, reuse_port=reuse_port)
        return
    watched = WatchedTls(tls)
    await server.start(host, port, reuse_port=reuse_port, ssl_context=watched.server_context())
    renewal = CertificateRenewal(watched, server)
    background.run("certificate", renewal.run, every=RELOAD_SECONDS)
