"""An HTTP server on a real port for what blocks: libraries that know no event loop."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple


class Asked(NamedTuple):
    """A request that came; names of fields in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


# A status, fields and a body.
Answered = tuple[int, Mapping[str, str], bytes]


@contextmanager
def blocking_server(
    answer: Callable[[Asked], Answered], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Answer each request by a function; yield `127.0.0.1:PORT`, of `localhost` with TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            status, fields, content = answer(asked)
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:  # the base's name
            self.answer()

        def do_POST(self) -> None:  # the base's name
            self.answer()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # Connections that are kept end with the process.
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"{'localhost' if tls else '127.0.0.1'}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
