"""Measures what OpenTelemetry costs a request: on its way, and in all.

A request's span and its attempt's begin and end as in a worker, without the request: with a caller
that samples it, with one that does not, and with none. A collector that keeps nothing listens in a
process of its own. Prints a table in Markdown, in microseconds of CPU for each request: those of
the thread that serves, and those of the whole process. `--signals` says what is exported.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.call_bench import Bench, used

from conduit_bridge.traced_requests import TracedRequests
from conduit_kernel.http import Exchange
from conduit_kernel.telemetry.setup import exporting, running
from conduit_router.bootstrap import call_observers
from conduit_router.calls.call_scope import CallScope
from conduit_router.trail.attempt_facts import CallObserver, observe_end

REQUESTS = 20_000
# So many a pause: as many as a busy worker serves, not as many as there could be.
AT_ONCE, PAUSE_SECONDS = 25, 0.004
PATH = "/v1/chat/completions"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"
FACTS = {
    "request_id": "req_1",
    "virtual_key_id": 7,
    "model": "gpt",
    "attempts": 1,
    "fallbacks": 0,
    "input_tokens": 10,
    "output_tokens": 20,
    "cost_usd": 0.001,
}
Handle = Callable[[Exchange], Awaitable[None]]


class Sink(BaseHTTPRequestHandler):
    """Takes what is exported."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer that it was taken."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def be_collector() -> None:
    """Serve until killed; print the port first."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def exchange_of(parent: str) -> Exchange:
    """Return a request as its span sees it."""
    exchange = Exchange.__new__(Exchange)
    exchange.method, exchange.path, exchange.peer = "POST", PATH, "10.0.0.1"
    exchange.fields = {b"user-agent": b"OpenAI/Python 2.0.0"}
    if parent:
        exchange.fields[b"traceparent"] = parent.encode()
    return exchange


def ended_call(folder: Path) -> CallScope:
    """Return a call that was answered by its first attempt."""
    bench = Bench(folder)
    scope = bench.admit()
    with scope:
        attempt = bench.begun(scope)
        attempt.consumption = used()
        scope.succeed(attempt)
    return scope


def handler(scope: CallScope, observers: list[CallObserver]) -> Handle:
    """Return what answers a request whose call has been made."""
    telemetry = running()
    spans = telemetry.server_spans if telemetry else None
    traced = TracedRequests(spans) if spans else None
    (attempt,) = scope.ended

    async def handle(_: Exchange) -> None:
        for observer in observers:
            observer.begin(scope, attempt)
            observe_end(observer, scope)
        if traced:
            traced.end(f"POST {PATH}", 200, "", FACTS)

    return traced.around(handle) if traced else handle


async def measure(handle: Handle, parent: str) -> tuple[float, float]:
    """Return the microseconds of CPU of a request: of this thread, and of the process."""
    telemetry, exchange = running(), exchange_of(parent)
    whole, own = time.process_time(), time.thread_time()
    for number in range(REQUESTS):
        await handle(exchange)
        if number % AT_ONCE == 0:
            await asyncio.sleep(PAUSE_SECONDS)
    own = time.thread_time() - own
    if telemetry:
        await asyncio.to_thread(telemetry.flush)
    return own / REQUESTS * 1e6, (time.process_time() - whole) / REQUESTS * 1e6


async def main() -> None:
    """Measure each kind of request."""

    async def bare(_: Exchange) -> None:
        """Answer without a span."""

    with tempfile.TemporaryDirectory() as folder, exporting(os.environ, "bench"):
        made = handler(ended_call(Path(folder)), call_observers(time.monotonic, time.time))
        kinds = {
            "nothing": (bare, ""),
            "sampled": (made, f"{PARENT}1"),
            "not sampled": (made, f"{PARENT}0"),
            "no caller's trace": (made, ""),
        }
        print("| request | on its way | in all |\n|---|---|---|")
        for name, (handle, parent) in kinds.items():
            own, whole = await measure(handle, parent)
            print(f"| {name} | {own:.1f} us | {whole:.1f} us |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", choices=("both", "traces", "metrics"), default="both")
    parser.add_argument("--collector", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.collector:
        be_collector()
    command = [sys.executable, __file__, "--collector"]
    with subprocess.Popen(  # noqa: S603 # this file
        command, stdout=subprocess.PIPE, text=True
    ) as collector:
        port = collector.stdout.readline().strip() if collector.stdout else ""
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
        for signal in ("traces", "metrics"):
            if arguments.signals not in {signal, "both"}:
                os.environ[f"OTEL_{signal.upper()}_EXPORTER"] = "none"
        try:
            asyncio.run(main())
        finally:
            collector.kill()
