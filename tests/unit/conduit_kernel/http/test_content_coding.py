"""Bodies that servers compress unasked."""

import gzip
import os
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
from tests.support.http_peers import FIRM, MIB, always, both_loops, client, upstream
from tests.support.http_samples import fetch, fetch_error, in_two

from conduit_kernel.http import BodyCut, ProtocolViolation
from conduit_kernel.http.content_coding import (
    MAX_MEMBERS,
    MAX_UNFOLDED,
    Unfolding,
    is_cut,
    unfolding_of,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY = b'{"a": "hello"}' * 20


def raw_deflate(data: bytes) -> bytes:
    """Return data as some servers send it: without the header of zlib."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    b"gzip": gzip.compress(BODY),
    b"X-GZip": gzip.compress(BODY),
    b"deflate": zlib.compress(BODY),
    b" deflate ": raw_deflate(BODY),
    b"br": brotli.compress(BODY),
    b"zstd": zstd.compress(BODY),
    b"identity": BODY,
}


def answer(coding: bytes, body: bytes) -> bytes:
    """Return an answer with a coding."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (coding, len(body)) + body


def until_the_end(coding: bytes, body: bytes) -> bytes:
    """Return an answer that ends with its connection."""
    return b"HTTP/1.0 200 OK\r\nContent-Encoding: %b\r\n\r\n%b" % (coding, body)


LARGE = bytes(MAX_UNFOLDED + MIB)
FOLDED: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": lambda data: gzip.compress(data, 1),
    b"br": lambda data: brotli.compress(data, quality=0),
    b"zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", PACKED)
@both_loops
async def test_compressed_answers_are_unfolded(coding: bytes) -> None:
    """Whole, on a connection that is kept; the coding is gone from the headers."""
    async with upstream(always(answer(coding, PACKED[coding]))) as peer, client() as http:
        for _ in range(2):
            _, headers, body = await fetch(http, peer.origin)
            assert body == BODY
            assert b"content-encoding" not in dict(headers)
        assert peer.connections == 1


REPEATED = {
    "gzip": gzip.compress(BODY[:99]) + gzip.compress(b"") + gzip.compress(BODY[99:]) + bytes(7),
    "zstd": zstd.compress(BODY[:99]) + zstd.compress(b"") + zstd.compress(BODY[99:]),
}


@pytest.mark.parametrize(
    "whole",
    [
        *(answer(coding, packed) for coding, packed in PACKED.items()),
        *(answer(coding.encode(), packed) for coding, packed in REPEATED.items()),
    ],
    ids=[*map(str, PACKED), *(f"{coding} of members" for coding in REPEATED)],
)
@both_loops
async def test_a_compressed_answer_is_the_same_wherever_it_is_cut(whole: bytes) -> None:
    """Pieces that unfold to nothing are no end, nor is that of a member if another follows."""
    async with upstream(in_two({"packed": whole})) as peer, client() as http:
        for cut in range(1, len(whole)):
            assert (await fetch(http, peer.origin, f"/packed/{cut}"))[2] == BODY


@both_loops
async def test_what_is_no_such_coding_is_a_violation() -> None:
    """Neither a coding that we know not, nor bytes that are not of it, nor a bomb.

    Nor more than a body: what was left out might have been the rest of the answer.
    """
    most = gzip.compress(LARGE[MIB:], 1)
    bodies = [
        (b"xz", b"x"),
        (b"a, gzip", b"x"),
        (b"gzip", b"hello"),
        (b"br", b"\xff" * 20),
        (b"zstd", b"hello"),
        (b"gzip", most + gzip.compress(b"x")),
        (b"gzip", gzip.compress(b"") * (MAX_MEMBERS + 1)),
        *((coding, fold(LARGE[: MAX_UNFOLDED + 1])) for coding, fold in FOLDED.items()),
        (b"zstd", zstd.compress(b"") * (MAX_MEMBERS + 1)),
        (b"gzip", PACKED[b"gzip"] + b"<html>"),
        (b"deflate", PACKED[b"deflate"] * 2),
        (b"br", PACKED[b"br"] * 2),
        (b"zstd", PACKED[b"zstd"] + b"<html>"),
    ]
    for coding, body in bodies:
        async with upstream(always(answer(coding, body))) as peer, client() as http:
            await fetch_error(http, peer.origin, FIRM, ProtocolViolation)


@both_loops
async def test_a_cut_compressed_body_is_cut() -> None:
    """Though the length be right, or the connection's end be all that ends it."""
    half = PACKED[b"gzip"][:-9]
    second = PACKED[b"gzip"] + half
    cut = [(b"gzip", half), (b"gzip", second), (b"br", PACKED[b"br"][:-1])]
    for coding, body in (*cut, (b"zstd", PACKED[b"zstd"][:-1])):
        async with upstream(always(answer(coding, body))) as peer, client() as http:
            await fetch_error(http, peer.origin, FIRM, BodyCut)
    script = in_two({"until the end": until_the_end(b"gzip", half)})
    async with upstream(script) as peer, client() as http:
        with pytest.raises(BodyCut):
            await fetch(http, peer.origin, "/until%20the%20end/9")


@both_loops
async def test_no_body_has_no_coding() -> None:
    """Whatever its head says."""
    async with upstream(always(answer(b"gzip", b""))) as peer, client() as http:
        assert (await fetch(http, peer.origin))[2] == b""


@pytest.mark.parametrize("coding", FOLDED)
def test_pieces_unfold_with_a_bound(coding: bytes) -> None:
    """Each piece has its own, and what is said in many may be larger."""
    fold, unfolding, found = FOLDED[coding], Unfolding(coding), 0
    with pytest.raises(ProtocolViolation, match="too much"):
        Unfolding(coding).feed(fold(LARGE))
    # Of what does not fold, a piece is as large as what it unfolds to.
    folded = fold(os.urandom(len(LARGE)))
    for at in range(0, len(folded), MIB):
        found += len(unfolding.feed(folded[at : at + MIB]))
    assert found == len(LARGE)
    assert not is_cut(unfolding)


def test_a_frame_that_asks_for_much_memory_is_refused() -> None:
    """HTTP allows 8 MiB: https://www.rfc-editor.org/rfc/rfc9659#section-3 ."""
    for log, is_allowed in ((23, True), (24, False)):
        packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
        packed = packer.compress(BODY) + packer.flush()
        unfolding = Unfolding(b"zstd")
        if is_allowed:
            assert unfolding.feed(packed) == BODY
        else:
            with pytest.raises(ProtocolViolation, match="memory"):
                unfolding.feed(packed)


def test_a_plain_body_has_nothing_to_unfold() -> None:
    """Nor can it be cut by that."""
    assert unfolding_of(b" Identity ") is None
    assert not is_cut(None)
