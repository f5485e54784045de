"""`/metrics` of a service that runs alone; those of `conduit serve` are shown by its workers."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from conduit_kernel.background import Background
from conduit_kernel.background_metrics import BackgroundMetrics
from conduit_kernel.exposition import CONTENT_TYPE, Exposition
from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.http.certificate_renewal import listen
from conduit_kernel.http.refusal import render_plainly
from conduit_kernel.loop_lag import LoopLag
from conduit_kernel.process_metrics import ProcessMetrics
from conduit_kernel.tls import TlsFiles

PATH = "/metrics"
# Whoever scrapes reads a megabyte at most.
DRAIN_SECONDS = 1.0


class MetricsServer:
    """Shows what a service counts, its loops, its event loop and its process."""

    def __init__(
        self, service: str, collectors: Sequence[Collector], background: Background
    ) -> None:
        """Take the service's name, what it counts, and its loops, to which ours are added."""
        lag, registry = LoopLag(), CollectorRegistry()
        for collector in (*collectors, BackgroundMetrics([background]), lag):
            registry.register(collector)
        self._exposition = Exposition(registry, process=ProcessMetrics(service))
        self._background = background
        self._server = HttpServer(self._answer)
        background.run("loop_lag", lag.measure)

    @property
    def port(self) -> int:
        """Return the port on which it listens."""
        return self._server.port

    async def start(self, host: str, port: int, tls: TlsFiles | None) -> None:
        """Listen; port 0 takes a free one. OSError if the address cannot be had."""
        await listen(self._server, tls, self._background, host, port)

    async def close(self) -> None:
        """End, with the answers that are under way."""
        await self._server.drain(DRAIN_SECONDS)

    async def _answer(self, exchange: Exchange) -> None:
        if exchange.path != PATH or exchange.method not in {"GET", "HEAD"}:
            fields, body = render_plainly(404, "NOT_FOUND", f"there is {PATH} alone", "")
            exchange.respond(404, fields, body)
            return
        fields = ((b"content-type", CONTENT_TYPE), (b"cache-control", b"no-store"))
        exchange.respond(200, fields, await self._exposition.render())
