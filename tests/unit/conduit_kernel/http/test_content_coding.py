"""Bodies that servers compress unasked."""

import gzip
import zlib

import pytest
from tests.support.http_peers import FIRM, MIB, always, both_loops, client, upstream
from tests.support.http_samples import fetch, fetch_error, in_two

from conduit_kernel.http import BodyCut, ProtocolViolation
from conduit_kernel.http.content_coding import MAX_UNFOLDED, Unfolding, is_cut, unfolding_of

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
    b"identity": BODY,
}


def answer(coding: bytes, body: bytes) -> bytes:
    """Return an answer with a coding."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (coding, len(body)) + body


def until_the_end(coding: bytes, body: bytes) -> bytes:
    """Return an answer that ends with its connection."""
    return b"HTTP/1.0 200 OK\r\nContent-Encoding: %b\r\n\r\n%b" % (coding, body)


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


@both_loops
async def test_a_compressed_answer_is_the_same_wherever_it_is_cut() -> None:
    """Pieces that unfold to nothing are no end."""
    whole = answer(b"gzip", PACKED[b"gzip"])
    async with upstream(in_two({"packed": whole})) as peer, client() as http:
        for cut in range(1, len(whole)):
            assert (await fetch(http, peer.origin, f"/packed/{cut}"))[2] == BODY


@both_loops
async def test_what_is_no_such_coding_is_a_violation() -> None:
    """Neither a coding that we know not, nor bytes that are not of it, nor a bomb."""
    bomb = gzip.compress(bytes(MAX_UNFOLDED + 1))
    for coding, body in ((b"br", b"x"), (b"gzip", b"hello"), (b"gzip", bomb), (b"a, gzip", b"x")):
        async with upstream(always(answer(coding, body))) as peer, client() as http:
            await fetch_error(http, peer.origin, FIRM, ProtocolViolation)


@both_loops
async def test_a_cut_compressed_body_is_cut() -> None:
    """Though the length be right, or the connection's end be all that ends it."""
    half = PACKED[b"gzip"][:-9]
    async with upstream(always(answer(b"gzip", half))) as peer, client() as http:
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


def test_pieces_unfold_with_a_bound() -> None:
    """Each piece has its own; what is no coding of ours is none."""
    packed = gzip.compress(bytes(MAX_UNFOLDED + MIB))
    unfolding = Unfolding(b"gzip")
    assert sum(len(unfolding.feed(packed[i : i + 999])) for i in range(0, len(packed), 999)) == (
        MAX_UNFOLDED + MIB
    )
    assert not is_cut(unfolding)
    with pytest.raises(ProtocolViolation, match="too much"):
        Unfolding(b"gzip").feed(packed)
    assert unfolding_of(b" Identity ") is None
    assert not is_cut(None)
