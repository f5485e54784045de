"""Compressed answers."""

import gzip

import pytest
from tests.support.exchanges import Caller, request_of

from conduit_bridge.compression import (
    WORTHWHILE_BYTES,
    Document,
    accepts_gzip,
    compressed,
)
from conduit_kernel.http import Fields

TEXT = b'{"openapi":"3.1.0"}' * 100
JSON = (b"content-type", b"application/json")


@pytest.mark.parametrize(
    ("wish", "is_taken"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("deflate , gzip ; q=1.0", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("br, zstd", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
    ],
)
def test_gzip_is_for_who_takes_it(wish: str, *, is_taken: bool) -> None:
    """By its name, which goes before `*`; a quality of nought refuses it."""
    assert accepts_gzip(request_of(Caller(), accept_encoding=wish)) == is_taken


def test_who_names_no_coding_gets_plain_bytes() -> None:
    """As `curl` does without `--compressed`."""
    assert not accepts_gzip(request_of(Caller()))


async def test_only_what_is_worth_it_is_compressed() -> None:
    """What fits into a packet goes as it is, and what is larger says what its form hangs on."""
    request = request_of(Caller(), accept_encoding="gzip")
    small = (200, (JSON,), b"x" * (WORTHWHILE_BYTES - 1))
    assert await compressed(small, request) == small
    status, fields, body = await compressed((200, (JSON,), TEXT), request)
    assert (status, gzip.decompress(body)) == (200, TEXT)
    assert dict(fields)[b"content-encoding"] == b"gzip"
    assert dict(fields)[b"vary"] == b"accept-encoding"
    plain, fields, body = await compressed((200, (JSON,), TEXT), request_of(Caller()))
    assert (plain, body) == (200, TEXT)
    assert b"content-encoding" not in dict(fields)
    assert dict(fields)[b"vary"] == b"accept-encoding"


async def ask(document: Document, **wishes: str) -> tuple[int, Fields, bytes]:
    """Return a document's answer."""
    return await document.answer(request_of(Caller(), **wishes))


async def test_document_is_sent_as_its_caller_takes_it() -> None:
    """Both forms name what they hang on, and have tags of their own."""
    document = Document(TEXT, JSON)
    _, plain, body = await ask(document)
    _, folded, folded_body = await ask(document, accept_encoding="gzip")
    assert body == gzip.decompress(folded_body) == TEXT
    assert (dict(plain).get(b"content-encoding"), dict(folded)[b"content-encoding"]) == (
        None,
        b"gzip",
    )
    assert dict(plain)[b"vary"] == dict(folded)[b"vary"] == b"accept-encoding"
    assert dict(plain)[b"etag"] != dict(folded)[b"etag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
async def test_who_has_a_document_is_not_sent_it_again(form: str) -> None:
    """Whatever the tag came in; another one's tag does not count."""
    document = Document(TEXT, JSON)
    tag = dict((await ask(document))[1])[b"etag"].decode()
    status, fields, body = await ask(document, if_none_match=form.format(tag))
    assert (status, body, dict(fields)[b"etag"]) == (304, b"", tag.encode())
    other = await ask(Document(TEXT + b" ", JSON), if_none_match=tag)
    assert other[0] == 200
