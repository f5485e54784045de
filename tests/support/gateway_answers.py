"""A server on a real port that answers as it is told, for clients that block."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from conduit_cli.gateway import Gateway


@contextmanager
def answering(
    status: int, body: bytes | Callable[[], bytes], announced: int | None = None
) -> Iterator[Gateway]:
    """Yield a gateway that gives each request the same answer, or the next one."""
    with answering_at(status, body, announced) as url:
        yield Gateway(url, {"x-a": "1"}, 5.0)


@contextmanager
def answering_at(
    status: int, body: bytes | Callable[[], bytes], announced: int | None = None
) -> Iterator[str]:
    """Yield the address of one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base's name
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            self.send_response(status)
            answer = body if isinstance(body, bytes) else body()
            self.send_header("content-length", str(len(answer) if announced is None else announced))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_GET  # noqa: N815 # the base's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/at/"
        finally:
            server.shutdown()
            thread.join()
