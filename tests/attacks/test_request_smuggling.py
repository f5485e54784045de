"""HTTP request smuggling: a body that one reader takes for another request.

Beside the forms of tests/unit/conduit_kernel/http/test_reader.py, on a whole gateway: what is
smuggled has the master key, as if a proxy before us had added it, and would remove a provider.
"""

import pytest
from tests.attacks.raw_http import exchanged
from tests.support.suite import MASTER_KEY, Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Ends the connection, where what came before left it open.
END = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# How a request ends, and where its body does: in two ways each.
FRAMINGS = (
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "Content-Length: 0, 0\r\n\r\n",
    "Content-Length: +0\r\n\r\n",
    "Content-Length: -0\r\n\r\n",
    "Content-Length: 0x0\r\n\r\n",
    "Content-Length: 0 \t 1\r\n\r\n",
    "Content-Length : 0\r\n\r\n",
    "Content_Length: 0\r\nContent-Length: 9999999\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "X: y\r\n\tContent-Length: 5\r\n\r\n",
    "X: y\nContent-Length: 0\r\n\r\n",
    "X: y\rContent-Length: 0\r\n\r\n",
    "X: y\0\r\nContent-Length: 0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n",
    'Transfer-Encoding: chunked\r\n\r\n0;a="\r\n\r\n',
    "Transfer-Encoding: chunked\r\n\r\n0\n\n",
    "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n X: y\r\n\r\n",
)


async def test_a_smuggled_request_is_never_made(gateway: Suite) -> None:
    """Of two readings none is chosen: the request is refused, and the connection ends."""
    number = await gateway.add_simulator("smuggled", "echo")
    smuggled = (
        f"DELETE /api/providers/{number} HTTP/1.1\r\nHost: x\r\nX-Master-Key: {MASTER_KEY}\r\n\r\n"
    )
    executed = []
    for framing in FRAMINGS:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Api: 1\r\n{framing}"
        answer = await exchanged(gateway.bridge.port, (head + smuggled + END).encode("latin-1"))
        if answer.count(b"HTTP/1.1 ") != 1 or int(answer.split()[1]) not in {
            400,
            401,
            413,
            431,
            501,
        }:
            executed.append((framing, answer[:300]))
    assert executed == []
    assert (await gateway.call("GET", f"/api/providers/{number}"))["id"] == number


async def test_a_body_that_nobody_reads_is_no_request(gateway: Suite) -> None:
    """Of a request that is refused by its head, whatever follows within its length."""
    number = await gateway.add_simulator("unread", "echo")
    smuggled = (
        f"DELETE /api/providers/{number} HTTP/1.1\r\nHost: x\r\nX-Master-Key: {MASTER_KEY}\r\n\r\n"
    )
    for line in ("POST /v1/chat/completions", "POST /nowhere", "GET /health", "DELETE /api/x"):
        head = f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(smuggled)}\r\n\r\n"
        answer = await exchanged(gateway.bridge.port, (head + smuggled + END).encode())
        assert 1 <= answer.count(b"HTTP/1.1 ") <= 2, (line, answer[:300])
    assert (await gateway.call("GET", f"/api/providers/{number}"))["id"] == number
