"""Answers for the HTTP client's tests, and one way to ask for them."""

import asyncio

import pytest
from tests.support.http_peers import FIRM, MIB, Script, request_head

from conduit_kernel.http import HttpClient, HttpError, Origin, Timeouts

Plain = tuple[int, list[tuple[bytes, bytes]], bytes]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;e=1\r\nlo\r\n0\r\nX-T: t\r\n\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "unchanged": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "empty": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nX-A: 1\r\nX-A: 2\r\n\r\n",
    "goodbye": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "offer": b"HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\n" + OK[17:],
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
}


async def fetch(
    http: HttpClient, origin: Origin, target: str = "/", *, method: str = "GET", body: bytes = b""
) -> Plain:
    """One request, read whole."""
    response = await http.send(origin, method, target, (), body, timeouts=FIRM)
    try:
        data = await response.read(MIB)
        return response.status, sorted(response.headers.items()), data
    finally:
        response.close()


def in_two(answers: dict[str, bytes]) -> Script:
    """Send the named answer in two pieces, cut where the target says."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await request_head(reader)
            name, _, cut = head.split(b" ")[1].decode()[1:].rpartition("/")
            answer = answers[name.replace("%20", " ")]
            writer.write(answer[: int(cut)])
            await asyncio.sleep(0.002)
            writer.write(answer[int(cut) :])
            if name == "until%20the%20end":
                return

    return script


async def fetch_error(
    http: HttpClient, origin: Origin, timeouts: Timeouts, error: type[HttpError]
) -> None:
    """Expect this error of a request."""
    with pytest.raises(error):
        await (await http.send(origin, "GET", "/", timeouts=timeouts)).read(MIB)
