"""Requests whose answers are seen as bytes, without sockets."""

import asyncio

from conduit.v1.http_routes import ROUTES
from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.unary import RequestContext
from conduit_kernel.http import CallerGone, Exchange, RequestBody

REQUEST_ID = "req_1"


class Caller(asyncio.Transport):
    """A caller's connection: keeps what is written, and is slow or gone when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: asyncio.Transport = self
        self.peer = "192.0.2.1"
        self.certificate = ""
        self.gone = False
        self.paused = False
        self.draining = False
        self.aborted = False
        self.sent = b""
        self.writable = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.sent += bytes(data)

    def abort(self) -> None:
        """Note that the connection was cut."""
        self.aborted = True

    async def until_writable(self) -> None:
        """Wait for the test."""
        await self.writable.wait()
        if self.gone:
            raise CallerGone("the caller left")

    def body_of(self, exchange: Exchange) -> RequestBody:
        """Return a body that has come whole."""
        return RequestBody.whole(exchange)

    def detach(self) -> bytes:
        """Have nothing left."""
        return b""

    @property
    def status(self) -> int:
        """Return the status that was answered."""
        return int(self.sent.split(b" ", 2)[1])

    @property
    def lines(self) -> list[str]:
        """Return the lines of the head that was answered."""
        return self.sent.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]

    @property
    def body(self) -> bytes:
        """Return what came behind the head, out of its chunks if it has any."""
        rest = self.sent.partition(b"\r\n\r\n")[2]
        if "transfer-encoding: chunked" not in self.lines:
            return rest
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            body += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        return body


def request_of(
    caller: Caller, method: str = "GET", target: str = "/", body: bytes = b"", /, **fields: str
) -> Exchange:
    """Return a request; underscores in the names of its fields stand for hyphens."""
    exchange = Exchange(caller)
    exchange.method = method
    exchange.path, _, exchange.query = target.partition("?")
    exchange.fields = {
        name.replace("_", "-").encode(): value.encode("latin-1") for name, value in fields.items()
    }
    exchange.repeats = None
    exchange.http11 = exchange.keep_alive = True
    exchange.body = body
    return exchange


def context_of(exchange: Exchange, **params: str) -> RequestContext:
    """Return a request on its way to an endpoint."""
    line = f"x-request-id: {REQUEST_ID}\r\n".encode()
    return RequestContext(exchange, params, REQUEST_ID, line)


def route_of(rpc: str) -> Route:
    """Return the contract's route of an RPC."""
    return next(route for route in ROUTES if route.rpc == rpc)
