"""What bytes become, seen without sockets.

What was found while writing this, and what holds it now:

* trailers could have added fields to the request before them: they go to a dict of their own;
* an offer of h2c in a POST made the parser drop the body: the head is read again without it;
* a head that never ends, a target that never ends, chunks of one byte and chunk extensions
  without end each have a bound of their own.
"""

import random
from itertools import pairwise

import pytest

from conduit_kernel.http.limits import ServerLimits
from conduit_kernel.http.reader import BodyLimit, RequestReader
from conduit_kernel.http.refusal import Refusal
from conduit_kernel.http.request import Request

POST = b"POST /v1/chat?a=b&c HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

GOOD = {
    "no body": b"GET / HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n\r\n",
    "length": POST + b"X-Empty:\r\nContent-Length: 11\r\n\r\nhello world",
    "chunked": CHUNKED + b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n",
    "old": b"POST /old HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
    "offer": POST
    + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    b"Content-Length: 3\r\n\r\nabc",
    "absolute": b"GET http://x:80/p/q?r HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    "bare host": b"GET http://x?q HTTP/1.1\r\nHost: x\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
}
Plain = tuple[object, ...]


def reader(
    limits: ServerLimits | None = None, body_limit: BodyLimit | None = None
) -> RequestReader[Request]:
    """Make a fresh reader."""
    return RequestReader(limits or ServerLimits(), body_limit, Request)


def plain(request: Request) -> Plain:
    """Make a value of a request."""
    return (
        request.method,
        request.path,
        request.query,
        request.http11,
        request.keep_alive,
        sorted(request.headers.items()),
        request.body,
    )


def read(
    data: bytes, cuts: tuple[int, ...] = (), limits: ServerLimits | None = None
) -> list[Plain]:
    """All requests in the data, and how it ended if with a refusal, when fed in these pieces."""
    subject = reader(limits)
    edges = [0, *cuts, len(data)]
    seen: list[Plain] = []
    try:
        for start, end in pairwise(edges):
            rest = data[start:end]
            while rest:
                rest = subject.feed(rest)
                seen += map(plain, subject.ready)
                subject.ready.clear()
    except Refusal as refusal:
        seen += map(plain, subject.ready)
        seen.append((refusal.status, refusal.code))
    return seen


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_request_is_the_same_however_it_is_cut(data: bytes) -> None:
    """Any two cuts, and single bytes, give the request that one piece gives."""
    whole = read(data)
    assert len(whole) == 1
    assert read(data, tuple(range(1, len(data)))) == whole
    for first in range(1, len(data)):
        assert read(data, (first,)) == whole
        assert read(data, (first, first + (len(data) - first) // 2)) == whole


def test_requests_behind_each_other_are_the_same_however_they_are_cut() -> None:
    """Nothing of one request, not even its trailers, gets into the next."""
    data = b"".join(value for name, value in GOOD.items())
    whole = read(data)
    assert [plain[0] for plain in whole] == [
        "GET",
        "POST",
        "POST",
        "POST",
        "POST",
        "GET",
        "GET",
        "OPTIONS",
    ]
    assert whole == [plain for value in GOOD.values() for plain in read(value)]
    for cut in range(1, len(data)):
        assert read(data, (cut,)) == whole


def test_bodies_and_targets_are_what_was_sent() -> None:
    """Codings are undone, targets are raw and split at the question mark."""
    (chunked,) = read(GOOD["chunked"])
    (absolute,) = read(GOOD["absolute"])
    (offer,) = read(GOOD["offer"])
    assert chunked[:3] == ("POST", "/v1/chat", "a=b&c")
    assert chunked[-1] == b"hello world"
    assert b"x-trailer" not in dict(chunked[5])  # type: ignore[call-overload]  # a list of pairs
    assert absolute[1:3] == ("/p/q", "r")
    assert read(GOOD["bare host"])[0][1:3] == ("/", "q")
    assert offer[-1] == b"abc"


SMUGGLING = {
    "length and coding": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "twice the same length": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "listed lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "signed length": POST + b"Content-Length: +3\r\n\r\nabc",
    "negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "hex length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "empty length": POST + b"Content-Length:\r\n\r\nabc",
    "huge length": POST + b"Content-Length: 99999999999999999999\r\n\r\nabc",
    "length behind a blank": POST + b"Content-Length : 3\r\n\r\nabc",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two codings": POST
    + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "empty coding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "coding in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "folded field": POST + b"X: a\r\n b\r\n\r\n",
    "bare line feed": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare return": POST + b"X: a\rb\r\n\r\n",
    "nul": POST + b"X: a\0b\r\n\r\n",
    "nameless field": POST + b": a\r\n\r\n",
    "blank in name": POST + b"X Y: a\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "target without slash": b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
    "foreign scheme": b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "hostless": b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n",
    "star for GET": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "chunk size with blank": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "hex prefix in chunk size": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"3\r\nab\r\n0\r\n\r\n",
    "chunk size overflow": CHUNKED + b"FFFFFFFFFFFFFFFFF\r\nab\r\n",
    "negative chunk": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "bare line feed in chunk": CHUNKED + b"3\nabc\r\n0\r\n\r\n",
    "length in trailer": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("data", SMUGGLING.values(), ids=SMUGGLING)
def test_what_two_parsers_could_read_differently_is_refused(data: bytes) -> None:
    """400, nothing handed on, nothing read after it, however the bytes are cut."""
    tail = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    assert read(data + tail) == [(400, "MALFORMED_REQUEST")]
    assert read(data + tail, tuple(range(1, len(data)))) == [(400, "MALFORMED_REQUEST")]


REFUSED = {
    "unknown coding before chunked": (
        501,
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    "CONNECT": (501, b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "method of another protocol": (501, b"DESCRIBE / RTSP/1.0\r\n\r\n"),
    "HTTP/2 by prior knowledge": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2 in a line": (505, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    "HTTP/1.2": (505, b"GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
    "HTTP/0.9": (505, b"GET /\r\nHost: x\r\n\r\n"),
    "unknown expectation": (417, POST + b"Expect: miracles\r\nContent-Length: 1\r\n\r\n"),
    "long target": (414, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "endless target": (414, b"GET /" + b"a" * 200_000),
    "large head": (431, POST + b"X: " + b"a" * 100_000),
    "endless head": (431, POST + b"X: a\r\n" * 100_000),
    "many fields": (431, POST + b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"\r\n"),
    "one field many times": (431, POST + b"X: a\r\n" * 300 + b"\r\n"),
    "announced body too large": (413, POST + b"Content-Length: 16777217\r\n\r\n"),
    "chunk extension without end": (400, CHUNKED + b"1;" + b"e" * 100_000),
    "trailers without end": (400, CHUNKED + b"0\r\n" + b"X: a\r\n" * 20_000),
}


@pytest.mark.parametrize(("status", "data"), REFUSED.values(), ids=REFUSED)
def test_refusal_says_what_is_wrong(status: int, data: bytes) -> None:
    """Each has its status, in one piece or in many."""
    assert read(data)[0][0] == status
    assert read(data, tuple(range(1, len(data), 997)))[0][0] == status


def test_body_limit_is_asked_by_method_and_path() -> None:
    """The limit holds for announced lengths before the body, and for chunks as they come."""
    asked: list[tuple[str, str]] = []

    def limit(method: str, path: str) -> int:
        asked.append((method, path))
        return 5

    reader(body_limit=limit).feed(POST + b"Content-Length: 5\r\n\r\nabcde")
    with pytest.raises(Refusal) as announced:
        reader(body_limit=limit).feed(POST + b"Content-Length: 6\r\n\r\n")
    with pytest.raises(Refusal) as whole:
        reader(body_limit=limit).feed(CHUNKED + b"6\r\nabcdef\r\n0\r\n\r\n")
    open_end = reader(body_limit=limit)
    open_end.feed(CHUNKED + b"5\r\nabcde\r\n")
    with pytest.raises(Refusal) as chunked:
        open_end.feed(b"1\r\nf\r\n")
    statuses = [caught.value.status for caught in (announced, whole, chunked)]
    assert statuses == [413, 413, 413]
    assert set(asked) == {("POST", "/v1/chat")}


def test_tiny_requests_in_one_piece_are_bounded() -> None:
    """A piece full of tiny requests becomes ready slice by slice, not all at once."""
    tiny = b"GET / HTTP/1.1\r\nHost:\r\n\r\n"
    subject = reader()
    rest = subject.feed(tiny * 10_000)
    assert 0 < len(subject.ready) < 1_000
    assert len(rest) > len(tiny) * 9_000


def test_websocket_handshake_is_the_last_request() -> None:
    """What follows it is not HTTP and is kept for whoever takes the connection over."""
    handshake = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    subject = reader()
    subject.feed(handshake + b"\x81\x00GET / HTTP/1.1\r\n\r\n")
    (request,) = subject.ready
    assert request.upgrade_offered
    assert subject.leftover == b"\x81\x00GET / HTTP/1.1\r\n\r\n"
    subject.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert len(subject.ready) == 1


def test_last_request_is_the_last() -> None:
    """After ``connection: close`` nothing is read, and what comes is no error."""
    data = b"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GOOD["length"]
    assert [plain[1] for plain in read(data)] == ["/1"]
    assert [plain[1] for plain in read(data, (30, 60))] == ["/1"]


def test_garbage_gives_the_same_wherever_it_is_cut() -> None:
    """2,000 mutated requests end alike in one piece and in two."""
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    samples = [*GOOD.values(), *SMUGGLING.values()]
    for _ in range(2_000):
        data = mutated(chance.choice(samples), chance)
        assert read(data, (chance.randrange(len(data) + 1),)) == read(data), data


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change, drop, double or insert a few bytes."""
    mutant = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(mutant) + 1)
        match chance.randrange(5):
            case 0:
                mutant[at:at] = bytes([chance.randrange(256)])
            case 1:
                del mutant[at : at + chance.randint(1, 8)]
            case 2:
                mutant[at:at] = mutant[at : at + chance.randint(1, 20)]
            case 3:
                mutant[at : at + 1] = chance.choice(
                    (b"\r", b"\n", b"\r\n", b":", b" ", b"\0", b";")
                )
            case _:
                mutant[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(mutant) or b"\r\n"
